"""Which real images an evaluation measures against: reference and floor, and what they are called."""

from __future__ import annotations

import gzip
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ddpm.commands.train.environment import environment_record
from ddpm.config import Config, with_overrides
from ddpm.data.dataset import Dataset
from ddpm.errors import RequestError
from ddpm.files import write_json
from ddpm.loading.datasets import model_spec, open_dataset
from ddpm.loading.models import OpenedModel
from ddpm.messages import message, sentence
from ddpm.models.registry import make_model
from ddpm.runs import RunFolder
from ddpm.scoring.real_images import (
    mark_trained_heldout,
    reference_images,
    split_halves,
    split_reference,
    training_images,
)

SMALL = ["network.channels=8", "network.multipliers=[1]", "data.labels=false"]


def pixels(count: int, *shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype=np.uint8)


def write_idx(folder: Path, train: int, test: int) -> Path:
    """A set in MNIST's format: `train` and `test` different images of 8x8."""
    folder.mkdir()
    images = pixels(train + test, 8, 8)
    for name, part in (("train", images[:train]), ("t10k", images[train:])):
        header = struct.pack(">HBB3I", 0, 8, 3, *part.shape)
        file = folder / f"{name}-images-idx3-ubyte.gz"
        file.write_bytes(gzip.compress(header + part.tobytes()))
    return folder


def array(name: str, images: np.ndarray) -> str:
    np.save(f"{name}.npy", images)
    return f"{name}.npy"


def opened(path: str, *overrides: str) -> OpenedModel:
    """A model with random weights that knows the statistics of the images at `path`."""
    config = with_overrides(Config(), [*SMALL, f"data.path={path}", *overrides])
    spec = model_spec(config, open_dataset(config))
    return OpenedModel(make_model(spec), "mine", "the run mine", None)


def test_of_an_idx_set_the_test_files_are_the_floor(workplace: Path) -> None:
    write_idx(workplace / "set", 60, 20)
    for all_images in ("false", "true"):
        real = training_images(opened("set", f"data.all_images={all_images}"), n=1000)
        assert torch.equal(real.reference[:, 0], torch.from_numpy(pixels(80, 8, 8)[:60]))
        assert torch.equal(real.floor[:, 0], torch.from_numpy(pixels(80, 8, 8)[60:]))
        assert sentence(real.reference_what) == "60 training images"
        assert sentence(real.floor_what) == "20 test images, none of them in the reference"
        assert not real.trained and len(real.heldout) == 20


def test_of_other_sets_it_is_the_holdout_while_that_has_n(workplace: Path) -> None:
    path = array("a", pixels(1500, 8, 8))
    held = len(open_dataset(Config(data=replace(Config().data, path=path))).heldout)
    assert 12 <= held <= 60  # about 2 %
    few, many = (training_images(opened(path), n) for n in (held, held + 1))
    assert (len(few.reference), len(few.floor)) == (1500 - held, held)
    assert sentence(few.floor_what) == f"{held} held-out images, none of them in the reference"
    assert {len(many.reference), len(many.floor)} == {(1500 - held) // 2, (1501 - held) // 2}
    assert many.trained[0] is many.floor and "one half" in sentence(many.reference_what)
    assert "the other half" in sentence(many.floor_what)
    assert torch.equal(many.heldout, few.floor)


def test_what_was_trained_on_is_no_holdout(workplace: Path) -> None:
    real = training_images(opened(array("a", pixels(200, 8, 8)), "data.all_images=true"), n=2)
    assert real.trained[0] is real.floor and len(real.heldout) == 0
    assert len(real.reference) + len(real.floor) == 200


def test_to_a_model_trained_on_all_images_nothing_was_held_out(workplace: Path) -> None:
    """However the real images were found: through another run, or by --reference."""
    path = array("a", pixels(1500, 8, 8))
    usual, everything = opened(path), opened(path, "data.all_images=true")
    for n in (2, 1000):  # the holdout is the floor; a half of the training images is
        for real in (training_images(usual, n), reference_images(path, (1, 8, 8), everything, n)):
            assert mark_trained_heldout(usual, real) == real
            seen = mark_trained_heldout(everything, real)
            known = torch.cat([seen.reference, *seen.trained])
            assert len(torch.unique(known, dim=0)) == len(known) == 1500
            assert len(real.heldout) and not len(seen.heldout)
            assert seen.notes[-1] == message("heldout_trained_on")
            assert torch.equal(seen.reference, real.reference)


def test_test_files_and_other_sets_stay_held_out(workplace: Path) -> None:
    write_idx(workplace / "set", 60, 20)
    model = opened("set", "data.all_images=true")
    real = training_images(model, 10)
    assert mark_trained_heldout(model, real) == real
    other = array("other", pixels(200, 8, 8, seed=1))
    run = RunFolder(workplace / "run")
    write_json(run.environment, {"data": {"content_hash": "of the set"}})
    real = reference_images(other, (1, 8, 8), model, 2)
    assert mark_trained_heldout(replace(model, run=run), real) == real


def make_dataset(train: int, heldout: int) -> Dataset:
    images = pixels(train + heldout, 1, 4, 4)
    rows = np.arange(train + heldout)
    reason = "2 % by content hash"
    return Dataset("set", images, None, (), rows[:train], rows[train:], reason, {})


def test_halves_are_the_same_every_time_and_share_nothing() -> None:
    real = split_reference(make_dataset(101, 0), 50)
    again = split_halves(split_reference(make_dataset(101, 60), 50))
    assert torch.equal(real.reference, again.reference)
    both = torch.cat([real.reference, real.floor])
    assert (len(real.reference), len(real.floor)) == (51, 50)
    assert len(torch.unique(both, dim=0)) == 101
    assert not torch.equal(real.reference, torch.from_numpy(make_dataset(101, 0).images[:51]))


def test_a_holdout_below_n_stays_where_a_half_gives_no_more() -> None:
    assert not split_reference(make_dataset(40, 20), 30).trained
    assert split_reference(make_dataset(42, 20), 30).trained


def test_images_that_moved_away_are_asked_for(workplace: Path) -> None:
    model = opened(array("a", pixels(60, 8, 8)))
    (workplace / "a.npy").rename("b.npy")
    with pytest.raises(RequestError, match=r"images of mine are not at a\.npy; .*--ref"):
        training_images(model, 10)
    model = replace_path(model, "anime")
    with pytest.raises(RequestError, match="cannot be downloaded automatically"):
        training_images(model, 10)


def replace_path(model: OpenedModel, path: str) -> OpenedModel:
    spec = model.model.spec
    moved = spec.with_config(with_overrides(spec.config, [f"data.path={path}"]))
    return OpenedModel(make_model(moved), "mine", "the run mine", None)


def test_images_that_changed_since_the_training_are_told_of(workplace: Path) -> None:
    model = opened(array("a", pixels(60, 8, 8)))
    run = RunFolder(workplace / "run")
    dataset = open_dataset(model.model.spec.config)
    write_json(run.environment, environment_record(torch.device("cpu"), model.model, dataset))
    assert training_images(replace(model, run=run), 10).notes == ()
    array("a", pixels(60, 8, 8, seed=1))
    assert training_images(replace(model, run=run), 10).notes == (
        message("images_changed", path="a.npy"),
    )


def test_a_named_reference_is_taken_as_it_is(workplace: Path) -> None:
    large = array("large", pixels(60, 80, 90, 3))
    assert reference_images(large, (3, 80, 90), None, 10).reference.shape[1:] == (3, 80, 90)
    assert reference_images(large, (3, 64, 64), None, 10).reference.shape[1:] == (3, 64, 64)
    assert reference_images(large, (1, 8, 8), None, 10).reference.shape[1:] == (3, 64, 64)
    model = opened(array("a", pixels(60, 8, 8)))
    assert reference_images(large, (1, 8, 8), model, 10).reference.shape[1:] == (3, 64, 64)


@pytest.mark.parametrize("copy", ["moved.npy", "faces.npy"])
def test_unless_the_model_learned_from_it_in_another_shape(workplace: Path, copy: str) -> None:
    """Gray and small as `data.channels` and `data.size` said: the same images come out."""
    faces = array("faces", pixels(60, 20, 20, 3))
    model = opened(faces, "data.channels=1", "data.size=8")
    own = training_images(model, 10)
    (workplace / "faces.npy").rename(copy)
    found = reference_images(copy, (1, 8, 8), model, 10)
    assert torch.equal(found.reference, own.reference)
    assert torch.equal(found.floor, own.floor)


def test_a_name_is_looked_for_like_any_data_set(monkeypatch: pytest.MonkeyPatch) -> None:
    real = reference_images("digits", (1, 8, 8), None, 1000)
    assert real.name == "digits" and real.trained
    with pytest.raises(RequestError, match="did you mean digits"):
        reference_images("digit", (1, 8, 8), None, 1000)


@pytest.mark.parametrize(("count", "enough"), [(118, False), (119, True)])
def test_halves_are_large_enough_from_twice_the_minimum(count: int, enough: bool) -> None:
    halves = split_reference(make_dataset(count, 0), 1000)
    if enough:
        halves.check_enough("It", 60)
    else:
        with pytest.raises(RequestError, match="It needs at least 119 real images, not 118"):
            halves.check_enough("It", 60)


def test_real_images_are_stretched_like_the_runs_own(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 4096, (60, 8, 8), dtype=np.uint16)
    values[0, 0, :2] = 0, 4095
    for folder in ("set", "other"):
        Path(folder).mkdir()
        for i, image in enumerate(values if folder == "set" else values[:40] // 2):
            Image.fromarray(image).save(f"{folder}/{i:02}.png")
    run = opened("set", "data.range=0:4095", "data.size=8")
    exact = np.rint(values / 4095 * 255)
    shown = {tuple(row) for row in exact.reshape(60, -1).tolist()}
    real = training_images(run, n=1)
    assert {tuple(row) for row in real.reference.reshape(-1, 64).tolist()} <= shown
    other = reference_images("other", (1, 8, 8), run, n=1)
    assert 120 < other.reference.max() <= 128  # by the run's limits, not by its own
    array("plain", pixels(40, 8, 8))  # 8 bits: already in the range of the run's pixels
    assert reference_images("plain.npy", (1, 8, 8), run, n=1).reference.max() == 255
