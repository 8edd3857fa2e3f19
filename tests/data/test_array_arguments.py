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
    "labels huge": (lambda: build(ARRAY, LABELS + 10**9), "Labels must be below 100,000, not"),
    "fit labels without classes": (
        lambda: ddpm.fit(build(), ARRAY, LABELS, steps=1),
        "The model has no classes; leave out the labels",
    ),
    "fit classes without labels": (
        lambda: ddpm.fit(build(ARRAY, LABELS), ARRAY, steps=1),
        "The model has 3 classes, but there are no labels",
    ),
    "fit steps": (lambda: ddpm.fit(build(), ARRAY, steps="3"), "steps is '3'; pass a whole number"),  # type: ignore[arg-type]
    "sample label": (lambda: ddpm.sample(digits(), label=3), "The label must be text, such as '3'"),  # type: ignore[arg-type]
    "sample settings": (
        lambda: ddpm.sample(digits(), settings="sampling.steps=1"),
        "Settings must be a list such as ['training.steps=2000'], not 'sampling.steps=1'.",
    ),
    "sample seed": (lambda: ddpm.sample(digits(), seed=2**70), "pass a number below 2^63."),
    "sample seed below 0": (lambda: ddpm.sample(digits(), seed=-1), "seed is -1; pass"),
    "forward schedule": (
        lambda: ddpm.forward(ARRAY, schedule="cosin"),
        "There is no schedule 'cosin'; did you mean cosine? the choices are linear, cosine",
    ),
    "forward seed": (lambda: ddpm.forward(ARRAY, seed="a"), "seed is 'a'; pass a whole number"),  # type: ignore[arg-type]
    "interpolate one seed": (
        lambda: ddpm.interpolate(digits(), (1,)),  # type: ignore[arg-type]
        "seeds is (1,); pass two seeds, such as (0, 1).",
    ),
    "interpolate between": (lambda: ddpm.interpolate(digits(), between=-1), "between is -1; pass"),
    "interpolate labels": (lambda: ddpm.interpolate(digits(), label="1,2"), "names several labels"),
    "inpaint none": (lambda: ddpm.inpaint(digits(), ARRAY[0], MASK, 0), "n is 0; pass a whole"),
    "refine strength": (
        lambda: ddpm.refine(digits(), ARRAY[0], "half"),  # type: ignore[arg-type]
        "The strength is 'half'; pass a number from 0 to 1.",
    ),
    "to_model float": (lambda: ddpm.to_model(torch.zeros(1)), "a uint8 tensor, not torch.float32."),
    "to_model numpy": (lambda: ddpm.to_model(ARRAY), "Pixels must be a uint8 tensor, not uint8."),
    "to_uint8 whole": (lambda: ddpm.to_uint8(torch.zeros(1, dtype=torch.int64)), "not torch.int64"),
    "save_grid list": (lambda: ddpm.save_grid("a.png", [[1]], 1, 1), "Pictures need uint8 images"),
    "with_overrides text": (
        lambda: ddpm.with_overrides(recipe(), "training.steps=1"),
        "Settings must be a list such as",
    ),
    "with_overrides preset": (
        lambda: ddpm.with_overrides("digits", []),  # type: ignore[arg-type]
        "The configuration must be a Config, such as ddpm.get_preset('digits').config, not a",
    ),
    "open_dataset preset": (lambda: ddpm.open_dataset("digits"), "must be a Config"),  # type: ignore[arg-type]
    "open_model number": (
        lambda: ddpm.open_model(3),
        "The model must be a name or a path, not a value",
    ),  # type: ignore[arg-type]
    "train preset": (lambda: ddpm.train("digits", "out"), "must be a Config"),  # type: ignore[arg-type]
    "train out": (
        lambda: ddpm.train(recipe(), None),
        "out must be a path, not a value of type None",
    ),  # type: ignore[arg-type]
    "check_bundle": (lambda: ddpm.check_bundle("nothing.zip"), "There is no file nothing.zip"),
    "evaluate n": (
        lambda: ddpm.evaluate("digits", n=-5),
        "n is -5; pass a whole number of at least 1.",
    ),
    "evaluate text": (lambda: ddpm.evaluate("digits", n="a"), "n must be a whole number"),  # type: ignore[arg-type]
    "compare text": (
        lambda: ddpm.compare("digits"),  # type: ignore[arg-type]
        "targets must be a list, such as ['digits'], not a value of type str.",
    ),
    "plan unknown": (
        lambda: ddpm.plan("digits", minute=3),  # type: ignore[call-overload]
        "There is no argument 'minute'; did you mean minutes?",
    ),
    "bundle missing": (
        lambda: ddpm.bundle("0712345"),  # type: ignore[call-overload]
        "missing 2 required positional arguments: 'mnist' and 'anime'",
    ),
    "distill steps": (lambda: ddpm.distill("digits", steps=0), "steps is 0; pass a whole number"),
    "sampler_lab n": (lambda: ddpm.sampler_lab("digits", n=0), "n is 0; pass a whole number"),
    "report none": (lambda: ddpm.report([]), "A report needs at least one run"),
    "ema out of range": (lambda: ddpm.ema("digits", n=0), "n is 0; pass a whole number"),
    "export format": (
        lambda: ddpm.export("digits", to="onx"),
        "There is no format 'onx'; the formats",
    ),
    "doctor device": (lambda: ddpm.doctor(3), "target must be text, not 3."),  # type: ignore[call-overload]
    "interpolate no model": (lambda: ddpm.interpolate(None), "The model must come from"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_input_is_one_sentence(name: str) -> None:
    call, sentence = WRONG[name]
    with pytest.raises(RequestError) as caught:
        call()
    assert sentence in str(caught.value) and "\n" not in str(caught.value)
