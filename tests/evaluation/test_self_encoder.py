from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ddpm.errors import RequestError
from ddpm.evaluation import self_encoder
from ddpm.evaluation.features import FeatureNetwork
from ddpm.evaluation.self_encoder import (
    Encoder,
    Progress,
    contrastive_loss,
    load_self,
    preprocess,
    random_view,
    train_encoder,
)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A training of few steps, counted."""
    trained: list[int] = []

    def few(reference: torch.Tensor, progress: Progress) -> Encoder:
        trained.append(len(reference))
        return train_encoder(reference, 3, progress)

    monkeypatch.setattr(self_encoder, "train_encoder", few)
    return trained


def test_it_is_trained_once_checked_and_kept(quick, make_images, tmp_path: Path) -> None:
    images = make_images(400, side=16)
    told: list[tuple[int, int]] = []
    first = load_self(images, tmp_path, lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]
    again = load_self(images, tmp_path)
    assert quick == [400]
    assert isinstance(first, FeatureNetwork)
    assert first.weights_hash == again.weights_hash
    assert torch.equal(first.features(images[:9]), again.features(images[:9]))
    assert load_self(make_images(400, 1, side=16)).weights_hash != first.weights_hash


def test_a_failed_check_keeps_nothing(quick, make_images, tmp_path: Path) -> None:
    same = make_images(1).repeat(200, 1, 1, 1)
    with pytest.raises(RequestError, match=r"network self-.* does not detect"):
        load_self(same, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_same_images_train_the_same_encoder(make_images) -> None:
    images = make_images(100)
    first, again = train_encoder(images, steps=2), train_encoder(images, steps=2)
    for a, b in zip(first.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)


def test_the_loss_is_small_where_views_agree_and_large_where_all_do(make_images) -> None:
    x = preprocess(make_images(16))
    encoder = train_encoder(make_images(100), steps=12)
    learned = contrastive_loss(encoder, x, torch.Generator().manual_seed(0)).item()
    torch.nn.init.zeros_(encoder.project[2].weight)  # every image the same vector
    chance = contrastive_loss(encoder, x, torch.Generator().manual_seed(0)).item()
    assert chance == pytest.approx(torch.tensor(47.0).log().item(), rel=1e-4)
    assert learned < 0.9 * chance


def test_views_stay_near_their_image_and_differ(make_images) -> None:
    x = preprocess(make_images(20))
    generator = torch.Generator().manual_seed(0)
    one, other = random_view(x, generator), random_view(x, generator)
    assert one.shape == x.shape
    assert one.min() >= 0
    assert one.max() <= 1
    assert 0 < (one - other).abs().mean() < 0.3


def test_views_move_by_whole_pixels_so_that_blur_stays_damage() -> None:
    """Neighbors of opposite values remain so: nothing is interpolated."""
    board = ((torch.arange(16)[:, None] + torch.arange(16)) % 2).float().expand(5, 2, 16, 16)
    moved = random_view(board, torch.Generator().manual_seed(0))
    inner = moved[..., 2:-2, 2:-2]  # edges are repeated by up to an eighth
    assert (inner.diff() != 0).all()
    assert all(len(image.unique()) <= 2 for image in moved)
    assert not torch.equal(moved[0, 0], moved[1, 0])


def test_large_images_are_scaled_down_in_proportion(make_images) -> None:
    assert preprocess(make_images(2, side=16)).shape == (2, 1, 16, 16)
    assert preprocess(torch.zeros(2, 3, 128, 96, dtype=torch.uint8)).shape == (2, 3, 64, 48)


def test_few_images_and_other_channels_are_refused(quick, make_images) -> None:
    with pytest.raises(RequestError, match="at least 60"):
        load_self(make_images(59))
    network = load_self(make_images(400))
    with pytest.raises(RequestError, match="1 channels, not 3"):
        network.features(make_images(5, channels=3))
