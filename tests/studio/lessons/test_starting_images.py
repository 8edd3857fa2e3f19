"""Images that a lesson starts from."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from ddpm.data.pixels import to_uint8
from ddpm.errors import RequestError
from ddpm.loading.datasets import open_dataset
from ddpm.loading.models import OpenedModel, open_model
from ddpm.studio.lessons.starting_images import DRAWN_NOTE, KEPT_OWN, SHOWN, StartingImages


@pytest.fixture(scope="module")
def digits():
    return open_model("bundled:digits", "cpu")


@pytest.fixture
def unknown_data(small_ddpm):
    """A model whose data set is not on this machine."""
    model = small_ddpm("data.path=mnist", "sampling.steps=2", awake=True)
    return OpenedModel(model, "small", "a test", None)


def test_images_of_the_data_set_are_its_training_images(digits):
    images = StartingImages()
    rows = images.offer(digits)
    assert len(rows["images"]) == SHOWN and rows["note"] == ""
    dataset = open_dataset(digits.model.spec.config)
    for row in rows["images"]:
        image, label = images.get(digits, row["id"])
        index = int(row["id"].removeprefix("data-"))
        assert index in dataset.train
        assert np.array_equal(to_uint8(image).numpy(), dataset.images[index])
        if digits.model.spec.num_classes:
            assert label == dataset.labels[index]


def test_without_a_data_set_the_model_draws(unknown_data):
    images = StartingImages()
    rows = images.offer(unknown_data)
    assert [row["id"] for row in rows["images"]] == [f"drawn-{seed}" for seed in range(SHOWN)]
    assert rows["note"] == DRAWN_NOTE
    first, second = (images.get(unknown_data, f"drawn-{seed}")[0] for seed in (0, 1))
    assert first.shape == (1, 8, 8) and not torch.equal(first, second)


def test_an_image_of_the_reader_is_fitted_to_the_model(unknown_data, encode):
    images = StartingImages()
    white = np.full((32, 48, 3), 255, np.uint8)
    row = images.add(unknown_data, encode(white))
    image, label = images.get(unknown_data, row["id"])
    assert image.shape == (1, 8, 8) and bool((image == 1).all()) and label is None
    assert images.add(unknown_data, encode(white))["id"] == row["id"]


def test_only_the_latest_own_images_are_kept(unknown_data, encode):
    images = StartingImages()
    first = images.add(unknown_data, encode(np.zeros((8, 8), np.uint8)))["id"]
    for value in range(1, KEPT_OWN + 1):
        images.add(unknown_data, encode(np.full((8, 8), value, np.uint8)))
    with pytest.raises(RequestError, match="no longer in memory"):
        images.get(unknown_data, first)


@pytest.mark.parametrize("id", ["", "data-", "data-99999999", "drawn-8", "drawn--1", "x-1", "own"])
def test_other_ids_are_refused(unknown_data, id):
    with pytest.raises(RequestError):
        StartingImages().get(unknown_data, id)


def test_a_file_that_is_no_image_is_refused(unknown_data):
    with pytest.raises(RequestError, match="Choose a PNG or JPEG"):
        StartingImages().add(unknown_data, b"<svg xmlns='http://www.w3.org/2000/svg'/>")


def test_a_data_set_of_another_shape_is_not_offered(digits, small_ddpm):
    model = small_ddpm("data.path=digits", "sampling.steps=2", channels=3)
    opened = replace(digits, model=model, origin="three channels")
    assert StartingImages().offer(opened)["images"][0]["id"] == "drawn-0"
