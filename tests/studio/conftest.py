"""Fixtures of the studio: its application in memory, and one that serves with a worker."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ddpm.studio.access import Access
from ddpm.studio.app import make_gate
from ddpm.studio.gate import Gate
from ddpm.studio.listener import host_names
from ddpm.studio.services import Services
from ddpm.studio.studio_request import StudioRequest
from tests.studio.asgi import TOKEN
from tests.studio.live import Client, serving


@pytest.fixture
def runs(workplace: Path) -> Path:
    """An empty folder of runs."""
    folder = workplace / "runs"
    folder.mkdir()
    return folder


@pytest.fixture
def add_run(runs: Path, make_run: Callable[..., Path]) -> Callable[..., Path]:
    """add_run("name") → a run of 8x8 images in the folder of runs, without training."""

    def add(name: str, **options: Any) -> Path:
        made = make_run("made", (1, 8, 8), data="digits", **options)
        shutil.copytree(made, runs / name)
        return runs / name

    return add


@pytest.fixture
def services(runs: Path) -> Services:
    """The services of a studio over `runs`, whose worker has not been started."""
    return Services(StudioRequest(runs))


@pytest.fixture
def gate(services: Services) -> Gate:
    """The whole application behind its gate."""
    return make_gate(services, Access(TOKEN), host_names("127.0.0.1", 8765))


@pytest.fixture(scope="session")
def studio(
    tmp_path_factory: pytest.TempPathFactory, make_run: Callable[..., Path]
) -> Iterator[Client]:
    """A studio that serves two runs, `noisy` and `flat`, with a worker."""
    folder = tmp_path_factory.mktemp("studio") / "runs"
    for seed, name in enumerate(("noisy", "flat")):
        shutil.copytree(make_run(name, (1, 8, 8), seed=seed, data="digits"), folder / name)
    with serving(StudioRequest(folder)) as (client, services):
        client.runs = folder  # type: ignore[attr-defined]
        client.services = services  # type: ignore[attr-defined]
        yield client
