"""New trainings: a typed request of the page becomes the arguments of `ddpm train` or `ddpm plan`."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ddpm.commands.options import command_line
from ddpm.config import Config, unknown_name_error, with_overrides
from ddpm.data.catalogue import (
    DATASETS,
    cache_dir,
    data_dir,
    find_offline,
    is_downloadable,
)
from ddpm.errors import RequestError
from ddpm.presets import PRESETS
from ddpm.studio.allowed_folders import AllowedFolders
from ddpm.studio.refusals import RefusalError
from ddpm.studio.run_index import RunIndex
from ddpm.studio.uploads import Uploads

SUGGESTED_MINUTES = {"digits": 1.0, "mnist": 10.0, "dcgan-mnist": 10.0}
USUAL_MINUTES = 30.0
PATH_KEYS = ("data.path", "sampling.guide")  # settings that name files, which the page must not


@dataclass(frozen=True)
class DataOrder:
    """The images to train on: exactly one of a known name, a folder below a root, and an upload."""

    name: str | None = None
    root: str | None = None
    path: str = ""  # below the root
    upload: str | None = None


@dataclass(frozen=True)
class TrainingOrder:
    """A training that the page asks for."""

    preset: str
    data: DataOrder | None = None  # None: the preset's own
    minutes: float | None = None
    steps: int | None = None
    settings: tuple[tuple[str, Any], ...] = ()  # (key, value)
    name: str | None = None  # of the run; None: the preset's, with a number if it is taken


class NewTrainings:
    """Turns orders into command lines. Every path comes from an id."""

    def __init__(self, runs: RunIndex, folders: AllowedFolders, uploads: Uploads) -> None:
        self._runs, self._folders, self._uploads = runs, folders, uploads

    def train_words(self, order: TrainingOrder) -> tuple[Path, list[str]]:
        """Return the run folder and the words after `ddpm`. RequestError or RefusalError if invalid."""
        folder = self._run_folder(order)
        values = self._values(order) | {"out": folder, "steps": order.steps}
        return folder, _words("train", values)

    def plan_words(self, order: TrainingOrder) -> list[str]:
        """Return the words after `ddpm` that plan a training."""
        return [*_words("plan", self._values(order)), "--json"]

    def _values(self, order: TrainingOrder) -> dict[str, Any]:
        """Return the options that both commands share."""
        if order.preset not in PRESETS:
            raise unknown_name_error("preset", order.preset, PRESETS)
        config = PRESETS[order.preset].config
        data = None if order.data is None else self._data(order.data)
        overrides = tuple(f"{key}={_text(value)}" for key, value in order.settings)
        _check_settings(config, order.settings, overrides)
        if not (data or config.data.path):
            raise RequestError(f"The preset {order.preset} has no images of its own; choose some.")
        if data is None or data == config.data.path:
            _check_present(config.data.path)
            data = None
        return {
            "target": order.preset, "data": data, "minutes": order.minutes, "overrides": overrides,
        }  # fmt: skip

    def _data(self, order: DataOrder) -> str:
        """Return the name or the absolute path of the images."""
        given = [value for value in (order.name, order.root, order.upload) if value is not None]
        if len(given) != 1:
            raise RequestError("Choose the images once: a known set, a folder or an upload.")
        if order.upload is not None:
            return str(self._uploads.path(order.upload))
        if order.root is not None:
            return str(self._folders.folder(order.root, order.path))
        assert order.name is not None
        if order.name not in DATASETS:
            raise unknown_name_error("data set", order.name, DATASETS)
        _check_present(order.name)
        return order.name

    def _run_folder(self, order: TrainingOrder) -> Path:
        if order.name is not None:
            return self._runs.free_folder(order.name)
        names = [order.preset, *(f"{order.preset}-{number}" for number in range(2, 1000))]
        for name in names:
            try:
                return self._runs.free_folder(name)
            except RefusalError:
                continue
        raise RefusalError(409, f"There are too many runs called {order.preset}; choose a name.")


def missing_data(name: str) -> str | None:
    """Return how to get the data set `name` if it is not here and cannot be downloaded, else None."""
    if not name or is_downloadable(name) or is_present(name):
        return None
    entry = DATASETS.get(name)
    return f"The images are not here: {entry.access if entry else name}."


def is_present(name: str) -> bool:
    """Return whether a data set is on this machine."""
    return find_offline(name, data_dir=data_dir(), cache_dir=cache_dir()) is not None


def preset_rows() -> list[dict[str, Any]]:
    """Return the presets for the page."""
    rows = []
    for name, preset in PRESETS.items():
        data = preset.config.data
        rows.append(
            {
                "name": name,
                "help": preset.summary,
                "data": data.path or None,
                "minutes": SUGGESTED_MINUTES.get(name, USUAL_MINUTES),
                "height": data.size if isinstance(data.size, int) else None,
                "channels": data.channels if isinstance(data.channels, int) else None,
                "family": preset.config.model,
                "needs": missing_data(data.path),
            }
        )
    return rows


def dataset_rows() -> list[dict[str, Any]]:
    """Return the data sets known by name for the page."""
    return [
        {
            "name": name,
            "help": f"{entry.description}; {entry.access}",
            "present": is_present(name),
            "downloadable": is_downloadable(name),
            "images": entry.count,
            "height": entry.size[0],
            "width": entry.size[1],
            "license": entry.license,
        }
        for name, entry in DATASETS.items()
    ]


def _check_present(name: str) -> None:
    """Raise RequestError if a data set is not here and cannot be downloaded."""
    if (sentence := missing_data(name)) is not None:
        raise RequestError(sentence)


def _check_settings(
    config: Config, settings: tuple[tuple[str, Any], ...], overrides: tuple[str, ...]
) -> None:
    """Raise RequestError for settings that the preset's configuration does not take."""
    for key, _ in settings:
        if key.strip() in PATH_KEYS:
            raise RequestError(f"{key} names files, so it is set on the command line only.")
    with_overrides(config, overrides)


def _words(verb: str, values: dict[str, Any]) -> list[str]:
    """Return the words of a command after `ddpm`, as an argument list for a process, never a shell."""
    return shlex.split(command_line(verb, SimpleNamespace(**values)))[1:]


def _text(value: Any) -> str:
    """Return a value as --set reads it."""
    return value if isinstance(value, str) else json.dumps(value)
