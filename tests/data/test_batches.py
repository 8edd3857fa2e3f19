"""Batches depend on (seed, step) alone and drop no image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ddpm.data.augmentation import Augmentation
from ddpm.data.batches import Batches
from ddpm.data.mapped_array import MappedArray
from ddpm.errors import RequestError
from tests.examples import examples


def numbered(count: int) -> Any:
    """Images whose only pixels spell their number."""
    return np.arange(count, dtype=np.uint16).view(np.uint8).reshape(count, 1, 1, 2)


def numbers(images: torch.Tensor) -> list[int]:
    return images.numpy().reshape(-1, 2).copy().view(np.uint16)[:, 0].tolist()


def make(count: int, batch_size: int, seed: int = 0, **options: Any) -> Batches:
    return Batches(numbered(count), np.arange(count), None, batch_size, seed, **options)


@settings(deadline=None, max_examples=examples(40))
@given(count=st.integers(1, 60), batch_size=st.integers(1, 90), seed=st.integers(0, 2**63 - 1))
def test_every_epoch_holds_every_image_once(count: int, batch_size: int, seed: int) -> None:
    batches = make(count, batch_size, seed)
    epochs = 3
    steps = -(-epochs * count // batch_size)
    row = [number for step in range(steps) for number in numbers(batches.batch(step)[0])]
    assert len(row) == steps * batch_size
    for epoch in range(epochs):
        assert sorted(row[epoch * count : (epoch + 1) * count]) == list(range(count))


@settings(deadline=None, max_examples=examples(30))
@given(
    count=st.integers(1, 50),
    batch_size=st.integers(1, 40),
    steps=st.lists(st.integers(0, 10_000), min_size=1, max_size=6),
)
def test_any_step_is_the_same_whatever_was_asked_before(
    count: int, batch_size: int, steps: list[int]
) -> None:
    batches = make(count, batch_size, 7)
    asked = [numbers(batches.batch(step)[0]) for step in steps]
    assert asked == [numbers(make(count, batch_size, 7).batch(step)[0]) for step in steps]


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    batches = make(40, 40)
    first, second = numbers(batches.batch(0)[0]), numbers(batches.batch(1)[0])
    other = numbers(make(40, 40, seed=1).batch(0)[0])
    assert first != second and first != other and first != list(range(40))


def test_only_the_chosen_images_come_each_with_its_own_label() -> None:
    labels = np.arange(100, dtype=np.int64) * 3
    chosen = np.array([5, 17, 63, 99])
    images, found = Batches(numbered(100), chosen, labels, 4, 0).batch(0)
    assert found is not None and found.dtype == torch.int64
    assert sorted(numbers(images)) == chosen.tolist()
    assert found.tolist() == [3 * number for number in numbers(images)]


def test_shapes_types_and_no_labels() -> None:
    images, labels = make(10, 4).batch(3)
    assert images.shape == (4, 1, 1, 2) and images.dtype == torch.uint8 and labels is None


def test_a_batch_may_be_changed_without_harm_to_the_set() -> None:
    images = numbered(8)
    Batches(images, np.arange(8), None, 8, 0).batch(0)[0].fill_(0)
    assert np.array_equal(images, numbered(8))


def test_a_set_in_files_gives_the_same_batches_as_one_in_memory(tmp_path: Path) -> None:
    images, chosen = numbered(30), np.arange(3, 30, 2)
    np.save(tmp_path / "x.npy", images)
    file = np.load(tmp_path / "x.npy", mmap_mode="r")
    in_memory = Batches(images, chosen, np.arange(30), 4, 0)
    for kept in (file, MappedArray([file[:11], file[11:12], file[12:]])):
        on_disk = Batches(kept, chosen, np.arange(30), 4, 0)
        for step in range(9):
            for one, other in zip(in_memory.batch(step), on_disk.batch(step), strict=True):
                assert one is not None and other is not None and torch.equal(one, other)


def test_images_kept_on_the_device_give_the_same_batches() -> None:
    images = np.random.default_rng(0).integers(0, 256, (3000, 1, 6, 5), dtype=np.uint8)
    chosen, labels = np.arange(5, 3000, 2), np.arange(3000)
    augment = Augmentation(flip=True, shift=1, crop=0.2)
    apart, kept = (Batches(images, chosen, labels, 640, 3, augment) for _ in range(2))
    size = 30 * len(chosen)
    assert kept.move_to(torch.device("cpu"), max_bytes=size) == size
    assert apart.move_to(torch.device("cpu"), max_bytes=size - 1) == 0  # does not fit
    images[:] = 0  # what is kept does not look back
    held = [kept.batch(step) for step in range(8)]
    images[:] = np.random.default_rng(0).integers(0, 256, images.shape, dtype=np.uint8)
    for step, found in enumerate(held):
        for one, other in zip(found, apart.batch(step), strict=True):
            assert one is not None and other is not None and torch.equal(one, other)


def test_what_is_kept_may_be_changed_in_a_batch_without_harm() -> None:
    batches = make(8, 8)
    batches.move_to(torch.device("cpu"), max_bytes=16)
    before = batches.batch(0)[0].clone()
    batches.batch(0)[0].fill_(0)
    assert torch.equal(batches.batch(0)[0], before)


def test_a_quarter_of_a_free_graphics_card_may_be_taken_and_apples_get_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (4 * 16 - 1, 10**9))
    assert make(8, 8).move_to(torch.device("cuda")) == 0  # 16 bytes, a quarter is 15
    apples = make(8, 8)
    assert apples.move_to(torch.device("mps"), max_bytes=10**9) == 0
    assert apples.batch(0)[0].device.type == "cpu"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a graphics card")
def test_a_graphics_card_gets_the_batches_of_the_cpu() -> None:
    images = np.random.default_rng(0).integers(0, 256, (300, 3, 8, 8), dtype=np.uint8)
    for most in (0, None):
        here, there = (
            Batches(images, np.arange(300), np.arange(300), 64, 3, Augmentation(flip=True, shift=2))
            for _ in range(2)
        )
        there.move_to(torch.device("cuda"), most)
        for step in range(9):
            for one, other in zip(here.batch(step), there.batch(step), strict=True):
                assert one is not None and other is not None
                assert other.device.type == "cuda" and torch.equal(one, other.cpu())


def test_the_order_of_an_epoch_is_the_one_that_runs_have_followed() -> None:
    """A training that an older version began goes on with the same images."""
    order = np.random.default_rng((5, 2, 0)).permutation(40)
    assert numbers(make(40, 8, seed=5).batch(13)[0]) == order[24:32].tolist()


@pytest.mark.parametrize(
    ("count", "size", "step", "epoch"), [(10, 4, 2, 0), (10, 4, 3, 1), (3, 7, 1, 2)]
)
def test_the_epoch_of_a_step_is_that_of_its_first_image(
    count: int, size: int, step: int, epoch: int
) -> None:
    assert make(count, size).epoch_of(step) == epoch
    assert len(make(count, size)) == count


def test_augmentation_sees_the_batch_the_seed_and_the_step() -> None:
    seen = []

    def invert(images: torch.Tensor, seed: int, step: int) -> torch.Tensor:
        seen.append((seed, step))
        return 255 - images

    plain = make(6, 3, seed=5)
    changed = make(6, 3, seed=5, augment=invert)
    assert torch.equal(changed.batch(4)[0], 255 - plain.batch(4)[0]) and seen == [(5, 4)]


def test_no_images_is_a_wrong_request() -> None:
    with pytest.raises(RequestError, match="no images to train on"):
        Batches(numbered(3), np.array([], dtype=np.int64), None, 2, 0)
