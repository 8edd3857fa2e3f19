from __future__ import annotations

import pytest
import torch

from ddpm.errors import RequestError
from ddpm.evaluation import copy_detection as memorisation
from ddpm.evaluation.copy_detection import copy_rates, nearest_two, pixel_vectors


def test_neighbors_are_those_of_a_full_search(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(0)
    x, reference = torch.rand(20, 6, generator=generator), torch.rand(100, 6, generator=generator)
    monkeypatch.setattr(memorisation, "BLOCK", 33)
    monkeypatch.setattr(memorisation, "QUERIES", 7)
    found = nearest_two(x, reference)
    distance, index = torch.cdist(x.double(), reference.double()).sort(dim=1)
    assert torch.equal(found.index, index[:, :2])
    torch.testing.assert_close(found.distance, distance[:, :2])


def test_the_ratio_test_on_both_sides_of_a_third() -> None:
    reference = torch.tensor([[0.0, 0.0], [1.0, 0.0]])
    x = torch.tensor([[0.24, 0.0], [0.26, 0.0], [0.5, 0.0], [0.0, 5.0]])
    assert nearest_two(x, reference).flagged.tolist() == [True, False, False, False]


def test_an_exact_copy_of_a_doubled_image_is_flagged() -> None:
    reference = torch.tensor([[3, 3], [3, 3], [90, 9]], dtype=torch.uint8)
    x = torch.tensor([[3, 3], [40, 5]], dtype=torch.uint8)
    found = nearest_two(x, reference)
    assert found.flagged.tolist() == [True, False]
    assert found.distance[0].tolist() == [0, 0]


def test_copies_are_found_and_fresh_images_are_not(make_images) -> None:
    reference, fresh = make_images(300, 0), make_images(40, 1)
    nudged = reference[:40] // 2 * 2
    found = nearest_two(pixel_vectors(nudged), pixel_vectors(reference))
    assert found.flagged.all()
    assert found.index[:, 0].tolist() == list(range(40))
    assert not nearest_two(pixel_vectors(fresh), pixel_vectors(reference)).flagged.any()


def test_large_images_are_averaged_down(make_images) -> None:
    assert pixel_vectors(make_images(3, side=32)).shape == (3, 32 * 32)
    large = make_images(3, side=64, channels=3)
    small = pixel_vectors(large)
    assert small.shape == (3, 3 * 32 * 32)
    assert small.dtype == torch.uint8
    corner = large[0, 0, :2, :2].float().mean()
    assert abs(small[0, 0] - corner) <= 0.5


def test_one_reference_image_is_refused() -> None:
    with pytest.raises(RequestError, match="at least 2"):
        nearest_two(torch.zeros(3, 2), torch.zeros(1, 2))


def test_copying_is_told_from_drawing_something_new() -> None:
    generator = torch.Generator().manual_seed(0)
    training, heldout, new = torch.rand(3, 40, 300, generator=generator)
    copied = copy_rates(training[:10] + 1e-3, training, heldout)
    assert copied.share == 1.0 and copied.heldout_share == 0.0
    assert copied.ratio is not None and copied.ratio < 0.01
    fresh = copy_rates(new[:10], training, heldout)
    assert fresh.share == fresh.heldout_share == 0.0 and fresh.ratio == pytest.approx(1, abs=0.05)
    assert copy_rates(training[:10], training, heldout[:0]) == (1.0, None, None)
    # a quarter of the training images at equal counts: nine of ten copies are then of others
    few = copy_rates(training[1:11], training, heldout[:4])
    assert few.ratio is not None and 0.5 < few.ratio < 1
