"""The lines printed before a training starts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from ddpm.commands.train.announcement import announcement
from ddpm.config import FAMILIES
from ddpm.data.dataset import Dataset
from ddpm.models.ddpm import Ddpm
from ddpm.runs import RunFolder

NONE = {"held_out": 0, "duplicate": 0, "broken": 0, "ignored": 0, "skipped": {}, "notes": []}
REPORT = {"used": 40, "channels": 1, "size": "8x8", **NONE}
FIT = {"fit": {"enlarged": 0, "reduced": 0, "cropped": 0}, "range": None}


def announced(
    model: Ddpm, step: int, class_names: tuple[str, ...] = (), **report: object
) -> list[str]:
    images, rows = np.zeros((40, 1, 8, 8), np.uint8), np.arange(40)
    dataset = Dataset(
        "set", images, None, class_names, rows, rows[:0], {}, {**REPORT, **FIT, **report}
    )
    return announcement(RunFolder(Path("runs/new")), dataset, model, step)


def test_images_model_disk_and_steps_are_announced(small_ddpm: Callable[..., Ddpm]) -> None:
    model = small_ddpm()
    first, *described, disk, last = announced(model, 0)
    assert first == "40 images 1x8x8, none held out"
    assert described == model.describe()
    assert disk.startswith("up to ")
    assert last == "training 20 steps of 8 images (4.0 epochs) in runs/new"


def test_a_resumed_run_and_missing_images_are_announced(small_ddpm: Callable[..., Ddpm]) -> None:
    lines = announced(small_ddpm(), 5, held_out=4, duplicate=2)
    assert lines[0] == "40 images 1x8x8, 4 held out, 2 duplicate"
    assert lines[-1].startswith("resuming at step 5 of 20 steps")


def test_classes_that_are_not_learned_are_announced_with_the_option(
    small_ddpm: Callable[..., Ddpm],
) -> None:
    model, names = small_ddpm(), ("bird", "cat", "dog", "eel", "fox")
    assert not model.spec.config.data.labels
    assert announced(model, 0, names)[1] == (
        "the images have 5 classes (bird, cat, dog, eel, …), which are not learned; "
        "to learn them, train with --set data.labels=true"
    )
    learning = small_ddpm("data.labels=auto")
    assert announced(learning, 0, names)[1] == (
        "learns 5 classes (bird, cat, dog, eel, …); without them: --set data.labels=false"
    )
    for lines in (announced(model, 0), announced(model, 0, ("one",)), announced(model, 5, names)):
        assert not any("classes" in line for line in lines)


def test_a_model_without_labels_is_not_told_to_learn_them() -> None:
    assert [name for name, family in FAMILIES.items() if not family.learns_labels] == ["dcgan"]
