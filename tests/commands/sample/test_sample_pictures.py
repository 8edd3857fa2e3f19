"""The pictures of a sample: their names, captions and marks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ddpm.commands.sample.sample import write_samples
from ddpm.commands.sample.sample_pictures import base_path
from ddpm.commands.sample.sample_request import SampleRequest
from ddpm.loading.models import open_model
from ddpm.visuals.grids import grid

QUICK = ["sampling.steps=3"]


def drawn(**request: object) -> np.ndarray:
    """The images of a request, through the npz that a user would read."""
    out = Path("drawn.npz")
    write_samples("digits", QUICK, SampleRequest(out=out, **request))  # type: ignore[arg-type]
    with np.load(out) as stored:
        images: np.ndarray = stored["images"]
    return images


def test_a_label_has_a_picture_of_its_own() -> None:
    requests = SampleRequest(n=1), SampleRequest(n=1, label="7")
    written = [path.name for each in requests for path in write_samples("digits", QUICK, each)]
    assert written == ["digits-samples-steps-3.png", "digits-samples-label-7-steps-3.png"]


def test_so_has_a_sampler(make_run: Callable[..., Path]) -> None:
    """What is asked for stands in the name, so that the picture of the run's own sampler stays."""
    run = str(make_run("mine", (1, 8, 8)))
    guided = ["sampling.guidance_interval=[0.2, 0.9]", "sampling.chunk=4", "sampling.sampler=ddim"]
    written = [
        write_samples(run, overrides, SampleRequest(n=1, seed=2), "cpu")[0].name
        for overrides in ([], ["sampling.sampler=ddim"], guided)
    ]
    assert written == [
        "seed-2-n1.png", "seed-2-n1-ddim.png", "seed-2-n1-ddim-guidance-interval-0.2-0.9.png",
    ]  # fmt: skip


def test_the_grid_holds_the_images_and_names_the_seeds() -> None:
    images = drawn(n=6, seed=3)
    [path] = write_samples(
        "digits", QUICK, SampleRequest(n=6, seed=3, grid=(2, 3), out=Path("a.png"))
    )
    expected = np.asarray(grid(images, 2, 3))
    written = np.asarray(Image.open(path).convert("L"))
    assert np.array_equal(written[: expected.shape[0], : expected.shape[1]], expected)
    assert written.shape[0] > expected.shape[0]  # the caption


def test_pictures_of_the_way_are_written_beside_the_grid() -> None:
    written = write_samples("digits", QUICK, SampleRequest(n=4, gif=True, panel=True))
    assert [path.name for path in written] == [
        "digits-samples-steps-3.png", "digits-samples-steps-3.gif", "digits-samples-steps-3-panel.png",
    ]  # fmt: skip
    with Image.open(written[1]) as animation:
        assert animation.n_frames == 4  # type: ignore[attr-defined] # pure noise and three steps


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("0,1", "digits-samples-labels-0-1"),
        (" 0, 1 ", "digits-samples-labels-0-1"),
        ("all", "digits-samples-labels-all"),
        (",".join("0123456789" * 9), "digits-samples-labels-" + "-".join("0123456789" * 3)),
        ("3", "digits-samples-label-3"),
    ],
)
def test_a_list_of_labels_is_a_part_of_a_name(label: str, name: str) -> None:
    opened = open_model("digits", "cpu")
    asked = SampleRequest(label=label).for_labels(opened.model.spec)
    assert base_path(asked, opened, []).name == name


def test_names_that_no_file_can_have_are_made_plain() -> None:
    opened = open_model("digits", "cpu")
    spec = replace(opened.model.spec, class_names=("a/b", "c:d"), class_counts=(1, 1))
    asked = SampleRequest(label="c:d,a/b").for_labels(spec)
    assert base_path(asked, opened, []) == Path("digits-samples-labels-c-d-a-b")
