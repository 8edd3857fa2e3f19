"""Library functions on arrays take torch or numpy, and refuse anything else with one sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import ddpm
from ddpm.errors import RequestError

pytestmark = pytest.mark.usefixtures("workplace")
RNG = np.random.default_rng(0)
ARRAY = RNG.integers(0, 256, (64, 1, 8, 8), dtype=np.uint8)
LABELS = np.arange(64) % 3
MASK = np.eye(8, dtype=bool)
QUICK = ["sampling.steps=2"]
TINY = ["network.channels=8", "training.batch_size=8"]


def recipe() -> ddpm.Config:
    return ddpm.with_overrides(ddpm.get_preset("digits").config, TINY)


def build(images: Any = ARRAY, labels: Any = None, config: Any = None) -> Any:
    return ddpm.build_model(config or recipe(), images, labels, device="cpu")


def digits() -> Any:
    return ddpm.open_model("digits", "cpu").model


CALLS: dict[str, Callable[[Callable[[Any], Any]], Any]] = {
    "build_model": lambda as_: build(as_(ARRAY), as_(LABELS)).spec.class_counts,
    "fit": lambda as_: ddpm.fit(build(ARRAY, LABELS), as_(ARRAY), as_(LABELS), steps=2),
    "forward": lambda as_: ddpm.forward(as_(ARRAY[:2])).tolist(),
    "inpaint": lambda as_: ddpm.inpaint(
        digits(), as_(ARRAY[0]), as_(MASK), 1, settings=QUICK
    ).tolist(),
    "refine": lambda as_: ddpm.refine(digits(), as_(ARRAY[0]), n=1, settings=QUICK).tolist(),
}


@pytest.mark.parametrize("name", CALLS)
def test_numpy_and_torch_give_the_same_result(name: str) -> None:
    assert CALLS[name](lambda array: array) == CALLS[name](torch.from_numpy)


def test_labels_may_be_any_whole_numbers_and_arrays_read_only() -> None:
    fixed = ARRAY.copy()
    fixed.flags.writeable = False
    assert build(fixed, LABELS.astype(np.int32)).spec.class_counts == (22, 21, 21)


WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    "list": (lambda: build([[1]]), "with 1 or 3 channels, not a value of type list."),
    "float": (lambda: build(ARRAY / 255), "with 1 or 3 channels, not float64 [64, 1, 8, 8]."),
    "channels last": (lambda: build(np.zeros((4, 8, 8, 3), np.uint8)), "not uint8 [4, 8, 8, 3]."),
    "three axes": (lambda: build(torch.zeros(4, 8, 8)), "not float32 [4, 8, 8]."),
    "text": (lambda: build(np.array(["a"])), "not <U1 [1]."),
    "none": (lambda: build(ARRAY[:0]), "There are no images in uint8 [0, 1, 8, 8]; pass at least"),
    "recipe": (
        lambda: ddpm.build_model(7, ARRAY),  # type: ignore[arg-type]
        "The recipe must be a preset's name or a Config, not a value of type int.",
    ),
    "labels float": (lambda: build(ARRAY, LABELS / 2), "not float64 [64]."),
    "labels list": (lambda: build(ARRAY, [0, 1]), "not a value of type list."),
    "labels few": (lambda: build(ARRAY, LABELS[:9]), "Labels must be int64 [64], one for each"),
    "labels below 0": (lambda: build(ARRAY, LABELS - 1), "Labels must be 0 or larger, not -1."),
    "fit other size": (
        lambda: ddpm.fit(build(), np.zeros((4, 1, 9, 9), np.uint8), steps=1),
        "The model was made for images of shape [1, 8, 8], not [1, 9, 9].",
    ),
    "fit other class": (
        lambda: ddpm.fit(build(ARRAY, LABELS), ARRAY, LABELS + 1, steps=1),
        "The model has the classes 0 to 2; there is no class 3.",
    ),
    "fit no model": (
        lambda: ddpm.fit("digits", ARRAY, steps=1),  # type: ignore[arg-type]
        "The model must come from ddpm.open_model(…).model or ddpm.build_model(…), not a value of",
    ),
    "sample no model": (lambda: ddpm.sample("runs/x"), "The model must come from"),  # type: ignore[arg-type]
    "sample opened": (
        lambda: ddpm.sample(ddpm.open_model("digits", "cpu")),  # type: ignore[arg-type]
        "The model must come from ddpm.open_model(…).model",
    ),
    "sample text": (
        lambda: ddpm.sample(digits(), "4"),
        "n is '4'; pass a whole number of at least 1.",
    ),  # type: ignore[arg-type]
    "forward float": (lambda: ddpm.forward(ARRAY / 255), "not float64 [64, 1, 8, 8]."),
    "inpaint float": (
        lambda: ddpm.inpaint(digits(), ARRAY[0] / 255, MASK),
        "The image is float64 [1, 8, 8]; pass uint8 values from 0 to 255.",
    ),
    "inpaint mask": (
        lambda: ddpm.inpaint(digits(), ARRAY[0], "left half"),  # type: ignore[arg-type]
        "The mask must be a torch or numpy array of shape [8, 8], not a value of type str.",
    ),
    "refine batch": (
        lambda: ddpm.refine(digits(), ARRAY),
        "The image has shape [64, 1, 8, 8]; pass [1, 8, 8].",
    ),
    "interpolate no model": (lambda: ddpm.interpolate(None), "The model must come from"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_input_is_one_sentence(name: str) -> None:
    call, sentence = WRONG[name]
    with pytest.raises(RequestError) as caught:
        call()
    assert sentence in str(caught.value) and "\n" not in str(caught.value)
