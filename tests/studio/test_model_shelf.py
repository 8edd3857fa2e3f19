"""Models that stay open, and are opened again once they have changed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from ddpm.runs import RunFolder
from ddpm.studio.model_shelf import ModelShelf

AddRun = Callable[..., Path]


def test_a_model_is_opened_once(add_run: AddRun) -> None:
    shelf, target = ModelShelf(), str(add_run("a"))
    assert shelf.open(target) is shelf.open(target)
    assert shelf.open("bundled:digits") is shelf.open("bundled:digits")


def test_a_model_is_opened_again_after_a_new_checkpoint(add_run: AddRun) -> None:
    shelf, run = ModelShelf(), RunFolder(add_run("a"))
    first = shelf.open(str(run.root))
    shutil.copytree(run.checkpoint(12), run.checkpoints / "other")
    os.utime(run.checkpoints, ns=(1, 1))
    assert shelf.open(str(run.root)) is not first


def test_the_models_used_longest_ago_are_closed(add_run: AddRun) -> None:
    shelf, a, b = ModelShelf(kept=1), str(add_run("a")), str(add_run("b"))
    first = shelf.open(a)
    shelf.open(b)
    assert shelf.open(a) is not first and len(shelf._models) == 1
