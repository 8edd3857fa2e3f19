from __future__ import annotations

import pytest
import torch

from ddpm.errors import RequestError
from ddpm.evaluation.image_sets import ImageSets, choose_indices
from ddpm.messages import message


@pytest.fixture
def sets(make_images) -> ImageSets:
    return ImageSets(make_images(150, 1), make_images(400, 0), make_images(300, 2))


def test_n_is_all_or_what_was_asked(sets) -> None:
    sets.check()
    assert sets.count(None) == (150, [])
    assert sets.count(10) == (10, [])


@pytest.mark.parametrize(
    ("change", "n", "words"),
    [
        ({}, 151, "use -n 150 or sample more"),
        ({}, 5, "needs at least 10"),
        ({"generated": 1}, None, "is only 1 generated image;"),
        ({"reference": 9}, None, "only 9 reference images"),
        ({"floor": 0}, None, "none at all"),
        ({"floor": 3}, None, "only 3 real images outside"),
    ],
)
def test_sets_too_small_are_refused(sets, change: dict, n, words: str) -> None:
    parts = {"generated": sets.generated, "reference": sets.reference, "floor": sets.floor}
    parts |= {name: parts[name][:count] for name, count in change.items()}
    with pytest.raises(RequestError, match=words):
        chosen = ImageSets(**parts)
        chosen.check()
        chosen.count(n)


def test_another_shape_is_refused(sets, make_images) -> None:
    for other in (make_images(50, side=20), make_images(50, channels=3)):
        with pytest.raises(RequestError, match="are 16x16 gray; use a reference"):
            ImageSets(other, sets.reference, sets.floor).check()
    mixed = torch.zeros(50, 16, 16, dtype=torch.uint8)
    with pytest.raises(RequestError, match="N x C x H x W"):
        ImageSets(mixed, sets.reference, sets.floor).check()


def test_the_smallest_set_decides(sets) -> None:
    small = ImageSets(sets.generated, sets.reference[:80], sets.floor)
    assert small.count(None)[1] == [message("n_reference", asked=150, n=80)]
    assert small.count(80) == (80, [])


def test_chosen_images_keep_their_order_and_do_not_repeat() -> None:
    drawn = choose_indices(50, 20, seed=1).tolist()
    assert drawn == sorted(set(drawn))
    assert len(drawn) == 20
    assert choose_indices(50, 20, seed=2).tolist() != drawn
    assert (
        choose_indices(50, 50, seed=1).tolist()
        == choose_indices(50, 99, seed=1).tolist()
        == list(range(50))
    )
