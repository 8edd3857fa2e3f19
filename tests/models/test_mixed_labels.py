"""Mixed labels: predictions add up by their weights, the rest belongs to no label."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from ddpm.config import with_overrides
from ddpm.models.ddpm import Ddpm
from ddpm.models.mixed_labels import MixedLabel, blend, class_terms, class_weights

X = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
T = torch.tensor([9, 9])


@pytest.fixture
def model(small_ddpm: Callable[..., Ddpm]) -> Ddpm:
    return small_ddpm("sampling.clip=none", awake=True, classes=3)


def predicted(model: Ddpm, labels: list[int] | None, *overrides: str) -> Tensor:
    settings = with_overrides(model.spec.config, overrides).sampling
    return model.denoiser(labels, settings)(X, T).x0


@pytest.mark.parametrize(
    "parts", [((0, 0.5), (2, 0.5)), ((0, 1.0), (2, -0.5)), ((1, 0.3),), ((0, 2.0), (1, -1.0))]
)
def test_predictions_add_up_by_weight(model: Ddpm, parts: tuple[tuple[int, float], ...]) -> None:
    """Liu et al. 2022, Eq. 11: the unlabeled prediction, and a weighted way from it to each class."""
    without = predicted(model, None)
    expected = without + sum(w * (predicted(model, [c, c]) - without) for c, w in parts)
    mixed = MixedLabel(parts)
    torch.testing.assert_close(predicted(model, [mixed, mixed]), expected, atol=1e-4, rtol=1e-4)
    both = predicted(model, [mixed, 1])  # an image of its own beside it
    torch.testing.assert_close(both[0], expected[0], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(both[1], predicted(model, [1, 1])[1], atol=1e-5, rtol=1e-4)


def test_guidance_leads_from_no_label_to_the_mixture(model: Ddpm) -> None:
    mixed = MixedLabel(((0, 0.5), (2, 0.5)))
    without, target = predicted(model, None), predicted(model, [mixed, mixed])
    guided = predicted(model, [mixed, mixed], "sampling.guidance=3")
    torch.testing.assert_close(guided, without + 3 * (target - without), atol=1e-4, rtol=1e-4)


def test_plain_labels_stay_one_term_and_their_bits(model: Ddpm) -> None:
    (term,) = class_terms([2, 0], 3, torch.device("cpu"))
    assert term.weights is None and term.classes is not None and term.classes.tolist() == [2, 0]
    assert class_terms(None, 3, torch.device("cpu"))[0].classes is None


def test_a_mixture_counts_as_its_strongest_class() -> None:
    mixed = MixedLabel(((4, 0.2), (7, 0.8)))
    assert mixed == 7 and (["a"] * 7 + ["found"])[: mixed + 1] == ["a"] * 7 + ["found"]
    assert mixed.parts == ((4, 0.2), (7, 0.8))


def test_weights_of_classes_are_rows_and_no_label_is_what_they_lack() -> None:
    mixed = MixedLabel(((2, 0.5), (0, 0.25), (2, 0.125)))
    assert class_weights([mixed, 1], 3) == [[0.25, 0, 0.625], [0, 1, 0]]
    assert class_weights([], 3) == []


def test_a_blend_goes_from_class_to_class() -> None:
    assert [blend(3, 8, share) for share in (0.0, 1.0)] == [3, 8]
    half = blend(3, 8, 0.25)
    assert isinstance(half, MixedLabel) and half.parts == ((3, 0.75), (8, 0.25))
    assert blend(5, 5, 0.5) == 5 and not isinstance(blend(5, 5, 0.5), MixedLabel)
