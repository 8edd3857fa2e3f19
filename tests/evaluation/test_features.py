from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ddpm.errors import RequestError
from ddpm.evaluation.features import (
    Classifier,
    FeatureNetwork,
    check_images,
    extract_features,
    hash_weights,
)


def test_features_come_in_fixed_chunks_with_progress(network, make_images) -> None:
    told: list[int] = []
    features = extract_features(make_images(600), network, progress=told.append)
    assert network.seen == told == [250, 250, 100]
    assert features.shape == (600, 12)
    assert features.dtype == torch.float32


def test_the_cache_is_keyed_by_content_and_weights(
    network, make_network, make_images, tmp_path: Path
) -> None:
    images = make_images(30)
    first = extract_features(images, network, tmp_path)
    assert torch.equal(extract_features(images.clone(), network, tmp_path), first)
    assert network.seen == [30]
    extract_features(make_images(30, 1), network, tmp_path)
    other = make_network(seed=1)
    assert not torch.equal(extract_features(images, other, tmp_path), first)
    assert len(list(tmp_path.iterdir())) == 3


def test_a_broken_cache_file_is_taken_anew(network, make_images, tmp_path: Path) -> None:
    images = make_images(20)
    known = extract_features(images, network, tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_bytes(b"no features")
    assert torch.equal(extract_features(images, network, tmp_path), known)
    assert len(file.read_bytes()) > 900


@pytest.mark.parametrize(
    "images",
    [
        torch.zeros(4, 28, 28, dtype=torch.uint8),
        torch.zeros(4, 1, 28, 28),
        torch.zeros(4, 2, 28, 28, dtype=torch.uint8),
    ],
)
def test_other_arrays_are_refused(images: torch.Tensor) -> None:
    with pytest.raises(RequestError, match="N x C x H x W"):
        check_images(images)


def test_no_images_are_refused(network) -> None:
    with pytest.raises(RequestError, match="none at all"):
        extract_features(torch.zeros(0, 1, 8, 8, dtype=torch.uint8), network)


def test_the_protocols_tell_classifiers_apart(network, classifier) -> None:
    assert isinstance(network, FeatureNetwork)
    assert not isinstance(network, Classifier)
    assert isinstance(classifier, Classifier)


def test_weights_hash_by_name_and_value() -> None:
    layer = torch.nn.Linear(3, 2)
    before = hash_weights(layer)
    assert hash_weights(layer) == before
    with torch.no_grad():
        layer.bias[0] += 1
    assert hash_weights(layer) != before
