"""Answers of the worker: samplers, owners of weights, findings."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ddpm.commands.doctor.diagnose import diagnose
from ddpm.diffusion.samplers import SAMPLERS
from ddpm.loading.models import open_model
from ddpm.models.fingerprint import weights_hash
from ddpm.studio.model_answers import diagnose_run, find_weights, list_samplers
from ddpm.studio.model_shelf import ModelShelf
from ddpm.studio.worker_tasks import Task


def task(**arguments: Any) -> Task:
    return Task(arguments, ModelShelf(), b"", lambda *event: None, threading.Event())


def test_every_sampler_has_its_paper_and_order() -> None:
    rows = {row["name"]: row for row in list_samplers(task())}
    assert list(rows) == list(SAMPLERS)
    assert "arXiv:2006.11239" in rows["ancestral"]["paper"]
    assert (rows["heun"]["order"], rows["heun"]["steps"]) == (2, 18)
    assert rows["heun"]["help"] == "Order 2, usually 18 steps; Karras et al. 2022."
    assert "all steps" in rows["ancestral"]["help"]


def test_weights_are_found_by_their_hash(add_run: Callable[..., Path], runs: Path) -> None:
    a, b = str(add_run("a", seed=1)), str(add_run("b", seed=2))
    (runs / "empty").mkdir()
    targets = [str(runs / "empty"), a, b]
    digest = weights_hash(open_model(b).model)
    assert find_weights(task(targets=targets, hash=digest)) == b
    assert find_weights(task(targets=targets[:2], hash=digest)) is None


def test_findings_are_the_doctors(add_run: Callable[..., Path]) -> None:
    target = str(add_run("a"))
    found, expected = diagnose_run(task(target=target)), diagnose(target).findings
    assert [row["sentence"] for row in found] == [finding.problem for finding in expected] != []
    assert [row["fix"] for row in found] == [finding.fix for finding in expected]
