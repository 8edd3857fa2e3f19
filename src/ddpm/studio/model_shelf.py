"""Models kept open by the drawing worker."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from pathlib import Path

from ddpm.loading.models import OpenedModel, open_model
from ddpm.runs import RunFolder, find_run

KEPT_MODELS = 4


class ModelShelf:
    """The models used last. A model is opened again once its files have changed."""

    def __init__(self, kept: int = KEPT_MODELS) -> None:
        self._kept = kept
        self._models: OrderedDict[tuple[object, ...], OpenedModel] = OrderedDict()
        self._lock = threading.Lock()  # questions are answered while something is drawn

    def open(self, target: str) -> OpenedModel:
        """Return the model `target`, as `open_model` does."""
        with self._lock:
            key = (target, *_stamps(target))
            if key not in self._models:
                self._models[key] = open_model(target)
            self._models.move_to_end(key)
            while len(self._models) > self._kept:
                self._models.popitem(last=False)
            return self._models[key]


def _stamps(target: str) -> tuple[object, ...]:
    """Return values that change with the files of a model."""
    run = find_run(target)
    if run is None:
        return (_stamp(Path(target)),)
    files = RunFolder(run.root)
    return tuple(map(_stamp, (files.config, files.checkpoints, files.average)))


def _stamp(path: Path) -> int | None:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return None
