"""The user's default dtype and default device change no result of the library."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor

import ddpm
from ddpm.api import build_model, fit, sample
from ddpm.evaluation.self_encoder import train_encoder
from ddpm.presets import get_preset

CHUNK = "sampling.chunk=2"  # the default computes 25 images for one

pytestmark = pytest.mark.usefixtures("workplace")


def _images() -> Tensor:
    images = np.zeros((64, 1, 8, 8), np.uint8)
    images[:, :, 2:6, 2:6], images[::2, :, :3] = 255, 128
    return torch.from_numpy(images)


def _train(preset: str, optimizer: str) -> list[Tensor]:
    config = get_preset(preset).config
    network = replace(config.network, channels=8, dropout=0.0 if config.model == "dcgan" else 0.2)
    training = replace(config.training, optimizer=optimizer)
    model = build_model(
        replace(config, network=network, training=training), _images(), device="cpu"
    )
    fit(model, _images(), steps=2)
    tensors = [t for part in model.state().values() for t in part.values()]
    return [
        *tensors,
        sample(model, 2, settings=[CHUNK, *["sampling.steps=2"] * (preset != "dcgan-mnist")]),
    ]


def _evaluate(network: str) -> list[Tensor]:
    rng = np.random.default_rng(0)
    np.save("drawn.npy", rng.integers(0, 256, (70, 8, 8), dtype=np.uint8))
    rows = ddpm.evaluate("drawn.npy", reference="digits", network=network, device="cpu")["rows"]
    return [torch.from_numpy(np.array([row["value"] for row in rows if row["value"] is not None]))]


def _score_bundled() -> list[Tensor]:
    found = ddpm.evaluate("digits", n=20, likelihood=2, device="cpu")
    return [torch.from_numpy(np.array([row["value"] or 0.0 for row in found["rows"]]))]


def _edit() -> list[Tensor]:
    model, image = ddpm.open_model("digits", "cpu").model, _images()[0]
    mask = torch.from_numpy(np.eye(8, dtype=bool))
    quick = ["sampling.steps=3", CHUNK]
    return [
        ddpm.inpaint(model, image, mask, n=1, settings=quick),
        ddpm.refine(model, image, 0.5, n=1, settings=quick),
        ddpm.interpolate(model, (0, 1), settings=quick),
        ddpm.forward(_images()[:2]),
    ]


CALLS: dict[str, Callable[[], list[Tensor]]] = {
    "digits with adam": lambda: _train("digits", "adamw"),
    "digits with muon": lambda: _train("digits", "muon"),
    "dcgan": lambda: _train("dcgan-mnist", "adam"),
    "bundled": lambda: [sample(ddpm.open_model("bundled:mnist", "cpu").model, 2, settings=[CHUNK])],
    "every sampler": lambda: [
        sample(ddpm.open_model("digits", "cpu").model, 1, settings=settings)
        for name in ddpm.SAMPLERS
        for settings in [[f"sampling.sampler={name}", "sampling.steps=4", CHUNK]]
    ],
    "encoder": lambda: list(train_encoder(_images(), steps=2).state_dict().values()),
    "edits": _edit,
    "evaluate by digits": lambda: _evaluate("digits"),
    "evaluate by self": lambda: _evaluate("self"),
    "evaluate a model": _score_bundled,
}


@pytest.fixture(params=["float64", "float16", "meta"])
def changed_default(request: pytest.FixtureRequest) -> Iterator[Callable[[], None]]:
    """Set another default dtype or device; on the device meta a tensor has no values at all."""

    def change() -> None:
        if request.param == "meta":
            torch.set_default_device("meta")
        else:
            torch.set_default_dtype(getattr(torch, request.param))

    yield change
    torch.set_default_dtype(torch.float32)
    torch.set_default_device(None)


@cache
def _with_plain_defaults(name: str) -> list[Tensor]:
    """Return the tensors of a call under torch's own defaults, computed once for all other defaults."""
    return CALLS[name]()


@pytest.mark.parametrize("name", CALLS)
def test_defaults_of_torch_change_no_bits(name: str, changed_default: Callable[[], None]) -> None:
    plain = _with_plain_defaults(name)
    changed_default()
    found = CALLS[name]()
    assert [t.dtype for t in found] == [t.dtype for t in plain]
    assert all(map(torch.equal, found, plain))
