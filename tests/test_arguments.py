"""Wrong arguments of the library's classes and functions: one sentence that names the argument."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

import ddpm
from ddpm.arguments import check_choice, check_number, check_whole, check_wholes
from ddpm.errors import RequestError

WRONG = (None, "x", 1.5, -1, [1, "a"], {"a": 1}, object(), np.array(["a"]), float("nan"))
X = torch.zeros(2, 1, 8, 8)
T = torch.zeros(2, dtype=torch.int64)
SCHEDULE = ddpm.make_schedule("cosine", 10)
OBJECTIVE = ddpm.make_objective("v", SCHEDULE, torch.zeros(1), 1.0)
Call = tuple[Callable[..., object], dict[str, object]]  # a function and good arguments
UNET: dict[str, object] = {
    "in_channels": 1, "out_channels": 1, "image_size": (8, 8), "channels": 8, "multipliers": (1, 2),
    "blocks": 1, "attention": (4,), "patch": 1, "dropout": 0.1,
    "num_classes": 3, "augment_labels": 2, "num_steps": 10,
    "time_embedding": "standard", "norm": "layer", "skips": "add", "groups": 2, "sinusoids": 8,
}  # fmt: skip
CALLS: dict[str, Call] = {
    "UNet": (ddpm.UNet, UNET),
    "SamplerOptions": (ddpm.SamplerOptions, {"eta": 0.5, "churn": 2, "variance": "large"}),
    "ImageNoise": (ddpm.ImageNoise, {"seeds": np.arange(2), "shape": (1, 8, 8)}),
    "Batches": (
        lambda **arguments: ddpm.Batches(labels=None, **arguments),
        {"images": X.byte().numpy(), "indices": np.arange(2), "batch_size": 2, "seed": 0},
    ),
    "add_noise": (ddpm.add_noise, {"schedule": SCHEDULE, "x0": X, "t": T, "noise": X}),
    "training_loss": (
        lambda **arguments: ddpm.training_loss(**arguments),
        {
            "predict": lambda x, t: x, "schedule": SCHEDULE, "objective": OBJECTIVE, "x0": X, "t": T,
            "noise": X, "weighting": "simple",
        },
    ),
    "make_schedule": (ddpm.make_schedule, {"name": "cosine", "num_steps": 10}),
    "get_preset": (ddpm.get_preset, {"name": "digits"}),
    "list_runs": (ddpm.list_runs, {"folder": "."}),
}  # fmt: skip
ALLOWED = {  # right values among the wrong ones
    ("UNet", "dropout"): (), ("SamplerOptions", "churn"): (1.5,), ("list_runs", "folder"): ("x",),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_wrong_arguments_are_refused_in_a_sentence(name: str) -> None:
    function, good = CALLS[name]
    function(**good)
    for argument in good:
        for value in WRONG:
            if value in ALLOWED.get((name, argument), ()):  # type: ignore[operator]
                continue
            with pytest.raises(ValueError, match=r"^.{15,}$") as refusal:
                function(**{**good, argument: value})
            named = (argument, "num_steps", "There is no preset", "there is no", "folder of runs")
            assert any(words in str(refusal.value) for words in named), refusal.value


def test_numbers_of_numpy_are_numbers() -> None:
    check_whole("n", np.int64(3))
    check_wholes("sides", np.array([3, 4]), count=2)
    check_number("share", np.float32(0.5), 0, 1)
    check_choice("norm", "group", ("group", "layer"))


@pytest.mark.parametrize(
    ("check", "sentence"),
    [
        (lambda: check_whole("n", True), "n must be a whole number of at least 1, not True."),
        (lambda: check_whole("n", 0), "n must be a whole number of at least 1, not 0."),
        (lambda: check_wholes("sides", (1, 2, 3), count=2), "sides must be 2 whole numbers, not (1, 2, 3)."),
        (lambda: check_wholes("sides", "12"), "sides must be a list of whole numbers, not '12'."),
        (lambda: check_number("share", 2, 0, 1), "share must be a number from 0 to 1, not 2."),
        (lambda: check_choice("norm", "b", ("group", "layer")), "norm must be group or layer, not 'b'."),
    ],
)  # fmt: skip
def test_the_sentence_names_the_argument_and_what_it_takes(
    check: Callable[[], None], sentence: str
) -> None:
    with pytest.raises(RequestError) as refusal:
        check()
    assert str(refusal.value) == sentence
