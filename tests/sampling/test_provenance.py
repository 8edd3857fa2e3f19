"""Grids that say how they were drawn, and are drawn again from that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ddpm.commands.export.export import export
from ddpm.commands.sample.sample import SampleRequest, write_samples
from ddpm.config import Config
from ddpm.errors import RequestError
from ddpm.loading.models import open_model
from ddpm.models.fingerprint import weights_hash
from ddpm.models.registry import make_model
from ddpm.models.spec import ModelSpec
from ddpm.sampling.labels import choose_labels
from ddpm.sampling.provenance import matches_default_samples, redraw_grid
from ddpm.sampling.samples import sample_images
from ddpm.sampling.settings import resolve_settings
from ddpm.visuals.grid_mark import read_grid_mark

QUICK = ["sampling.steps=3"]


@pytest.mark.parametrize("name", ["grid.png", "grid.jpg"])
def test_a_sampled_grid_can_be_drawn_again_from_itself(name: str) -> None:
    overrides = [*QUICK, "sampling.sampler=ddim", "sampling.guidance=2", "sampling.chunk=6"]
    asked = {"n": 7, "seed": 3, "label": "4", "grid": (2, 3)}
    write_samples("digits", overrides, SampleRequest(out=Path("all.npz"), **asked))  # type: ignore[arg-type]
    write_samples("digits", overrides, SampleRequest(out=Path(name), **asked))  # type: ignore[arg-type]
    with Image.open(name) as picture:
        mark = read_grid_mark(picture)
    assert mark is not None and mark.seeds == tuple(range(3, 9)) and mark.label == "4"
    assert (mark.layout.rows, mark.layout.columns) == (2, 3)
    model = open_model("digits", "cpu").model
    assert mark.weights_hash == weights_hash(model)
    with np.load("all.npz") as stored:
        gap = np.abs(redraw_grid(model, mark).astype(int) - stored["images"][:6])
    assert gap.max() <= 1  # another chunk size may round differently


def test_a_grid_of_the_first_format_is_drawn_again_with_its_classes() -> None:
    """There the class of each image was drawn at random."""
    model = open_model("digits", "cpu").model
    write_samples("digits", QUICK, SampleRequest(n=6, out=Path("a.png")))
    with Image.open("a.png") as picture:
        mark = read_grid_mark(picture)
    assert mark is not None and mark.format == 2 and matches_default_samples(model, mark) is False
    assert matches_default_samples(model, replace(mark, sampling={}))
    assert not matches_default_samples(model, replace(mark, sampling={}, format=1))
    settings = resolve_settings(model, QUICK)
    for version, at_random in ((2, False), (1, True)):
        drawn = redraw_grid(model, replace(mark, format=version))
        classes = choose_labels(model, range(6), None, at_random=at_random)
        assert np.array_equal(drawn, sample_images(model, range(6), classes, settings))


def test_a_mark_asks_for_nothing_that_the_model_cannot_do(make_run: Callable[..., Path]) -> None:
    write_samples("digits", QUICK, SampleRequest(n=4, out=Path("a.png")))
    with Image.open("a.png") as picture:
        mark = read_grid_mark(picture)
    assert mark is not None
    model = open_model("digits", "cpu").model
    for sampling, words in (
        ({"steps": 100_000}, "1000"),
        ({"speed": 3}, "speed"),
        ({"sampler": "magic"}, "magic"),
        ({"steps": "x\ny"}, "whole number"),
    ):
        with pytest.raises(RequestError, match=words):
            redraw_grid(model, replace(mark, sampling=sampling))
    huge = replace(mark, sampling={**mark.sampling, "chunk": 60_000})
    assert len(redraw_grid(model, huge)) == 4  # the run's own chunk serves
    other = open_model(str(make_run("other", (1, 28, 28))), "cpu").model
    with pytest.raises(RequestError, match="1x8x8, but the run generates 1x28x28"):
        redraw_grid(other, mark)


def test_the_hash_is_of_what_is_sampled_from() -> None:
    spec = ModelSpec(Config(), (1, 8, 8), (0.0,), 0.5)
    model = make_model(spec)
    before = weights_hash(model)
    assert len(before) == 16 and int(before, 16) >= 0
    assert before == weights_hash(make_model(spec))
    name, tensor = next(iter(model.state()["ema"].items()))
    with torch.no_grad():
        tensor.view(-1)[0] += 1e-3
    assert weights_hash(model) != before, name


def test_exported_weights_keep_the_hash() -> None:
    path = export("digits", "safetensors", Path("out.safetensors"))
    again, bundled = (open_model(name, "cpu").model for name in (str(path), "digits"))
    assert weights_hash(again) == weights_hash(bundled)
