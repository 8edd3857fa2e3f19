"""Transforms in closed form and against matrices put together anew; what the network is told of them."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from ddpm.models.augment_pipe import (
    AUGMENT_LABELS,
    SCALE,
    SHIFT,
    STRETCH,
    TRANSFORMS,
    Amounts,
    AugmentPipe,
    augment_labels,
    draw_amounts,
    sampling_matrices,
    transform_images,
)
from ddpm.models.ddpm import Ddpm
from ddpm.optim.state import State

Make = Callable[..., Ddpm]
IMAGES = torch.rand(8, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
AUGMENT = (
    "data.path=faces",  # digits are not mirrored
    "data.augment=0.9",
    "data.transforms=x-flip,scale,rotate,stretch,translate",
)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def amounts(**given: float) -> Amounts:
    """The same amounts for every one of the images."""
    return Amounts(*(torch.full((8,), float(given.get(name, 0))) for name in Amounts._fields))


def test_whole_pixels_are_moved_exactly_and_edges_reflect() -> None:
    views = transform_images(
        IMAGES, amounts(shift_right=1, shift_down=-0.5)
    )  # an eighth of 16 pixels: 2; 1 up
    close = torch.testing.assert_close
    close(views[:, :, :-1, 2:], IMAGES[:, :, 1:, :-2])
    close(views[:, :, :-1, :2], IMAGES[:, :, 1:, :2].flip(-1))
    close(views[:, :, -1, 2:], IMAGES[:, :, -1, :-2])


def test_flips_and_quarter_turns_are_those_of_arrays() -> None:
    close = torch.testing.assert_close
    close(transform_images(IMAGES, amounts(x_flip=1)), IMAGES.flip(-1))
    close(transform_images(IMAGES, amounts(y_flip=1)), IMAGES.flip(-2))
    turned = transform_images(IMAGES, amounts(angle=math.pi / 2))  # y points down: clockwise
    close(turned, IMAGES.rot90(-1, (2, 3)), atol=2e-5, rtol=0)
    enlarged = transform_images(IMAGES, amounts(scale=5))  # 2^(0.2 · 5): the middle, enlarged
    assert enlarged.min() >= -1 and enlarged.max() <= 1
    smooth = torch.linspace(-0.5, 0.5, 16).expand(1, 1, 16, 16)
    enlarged = transform_images(smooth, Amounts(*(values[:1] for values in amounts(scale=5))))
    close(enlarged[0, 0, 0, 4:12], smooth[0, 0, 0, 4:12] / 2, atol=5e-3, rtol=0)


def test_the_way_back_inverts_the_matrices_of_the_paper() -> None:
    drawn = draw_amounts(8, 1.0, TRANSFORMS, seeded(1))
    height, width = 10, 24
    found = sampling_matrices(drawn, height, width).double().numpy()

    def turn(angle: float) -> np.ndarray:
        return np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])

    for i in range(8):
        a = Amounts(*(float(values[i]) for values in drawn))  # type: ignore[arg-type]
        mirror = np.diag([1 - 2 * a.x_flip, 1 - 2 * a.y_flip])
        stretch = (
            turn(a.axis)
            @ np.diag([STRETCH**a.stretch, STRETCH**-a.stretch])
            @ turn(-a.axis)
        )  # fmt: skip
        forward = stretch @ turn(a.angle) @ (SCALE**a.scale * mirror)
        to_pixels = np.diag([width / 2, height / 2])
        moved = SHIFT * np.array([a.shift_right * width, a.shift_down * height])
        point = np.array([0.3, -0.7])  # of the image, in [-1, 1]
        view = np.linalg.inv(to_pixels) @ (forward @ to_pixels @ point + moved)
        np.testing.assert_allclose(found[i, :, :2] @ view + found[i, :, 2], point, atol=1e-5)


def test_nothing_told_means_nothing_done() -> None:
    views, told = AugmentPipe(0.3, TRANSFORMS[2:])(IMAGES, seeded(2))
    untouched = ~told.any(dim=1)
    assert 0 < int(untouched.sum()) < 8 and told.shape == (8, AUGMENT_LABELS)
    assert torch.equal(views[untouched], IMAGES[untouched])
    assert not torch.isclose(views[~untouched], IMAGES[~untouched]).flatten(1).all(1).any()
    views, told = AugmentPipe(0.0, TRANSFORMS)(IMAGES, seeded(2))
    assert torch.equal(views, IMAGES) and not told.any()


@pytest.mark.parametrize(
    ("transform", "columns"),
    [("x-flip", [0]), ("y-flip", [1]), ("scale", [2]), ("rotate", [3, 4]), ("stretch", [5, 6]),
     ("translate", [7, 8])],
)  # fmt: skip
def test_only_what_is_allowed_happens_and_as_often_as_asked(
    transform: str, columns: list[int]
) -> None:
    count, chance = 4000, 0.15
    told = augment_labels(draw_amounts(count, chance, (transform,), seeded(3)))
    others = [column for column in range(AUGMENT_LABELS) if column not in columns]
    assert not told[:, others].any()
    share = float(told[:, columns].any(dim=1).float().mean())
    expected = {"x-flip": 0.5, "y-flip": chance / 2}.get(transform, chance)
    assert abs(share - expected) < 5 * (expected * (1 - expected) / count) ** 0.5


def test_what_is_told_is_the_same_for_the_same_view() -> None:
    one, other = (augment_labels(amounts(angle=angle)) for angle in (-math.pi, math.pi))
    torch.testing.assert_close(one, other, atol=1e-6, rtol=0)
    assert not augment_labels(amounts(axis=1)).any()  # an axis without a stretch


def test_allowing_one_more_changes_no_other() -> None:
    few = draw_amounts(50, 0.5, ("scale",), seeded(4))
    many = draw_amounts(50, 0.5, TRANSFORMS, seeded(4))
    assert (
        torch.equal(few.scale, many.scale) and not few.shift_right.any() and many.shift_right.any()
    )


# --- in a model ------------------------------------------------------------------------------------

SMALL = IMAGES[:, :1, :8, :8]


def train(model: Ddpm, steps: range) -> list[float]:
    return [float(model.training_step(SMALL, None, step)["loss"]) for step in steps]


def drawn(model: Ddpm) -> Tensor:
    *_, last = model.trajectory([0, 1], None, model.spec.config.sampling)
    return last.x


def test_a_training_that_is_told_goes_on_bit_for_bit(
    small_ddpm: Make, stored: Callable[[State], State]
) -> None:
    overrides = (*AUGMENT, "training.optimizer=muon", "training.accumulate=2")
    whole, first, second = (small_ddpm(*overrides) for _ in range(3))
    losses = train(whole, range(1, 6))
    assert train(first, range(1, 3)) == losses[:2]
    second.load_state(stored(first.state()))
    assert train(second, range(3, 6)) == losses[2:]
    for name, tensor in whole.state()["ema"].items():
        assert torch.equal(tensor, second.state()["ema"][name])
    assert whole.network.get_parameter("transform.weight").abs().max() > 0  # it listens
    assert losses != train(small_ddpm(*overrides, "training.seed=1"), range(1, 6))


def test_parts_of_a_batch_are_told_of_their_own_images(small_ddpm: Make) -> None:
    whole, parts = (small_ddpm(*AUGMENT, f"training.accumulate={n}") for n in (1, 3))
    for model in (whole, parts):
        with torch.no_grad():
            model.network.get_parameter("transform.weight").fill_(0.3)
    train(whole, range(1, 2))  # the last layer starts at zero: from the second step on it matters
    train(parts, range(1, 2))
    one, other = (train(model, range(2, 4)) for model in (whole, parts))
    assert one == pytest.approx(other, rel=1e-4)


def test_weights_from_before_fit_and_draw_the_same(small_ddpm: Make) -> None:
    old = small_ddpm(awake=True)
    new = small_ddpm(*AUGMENT)
    new.load_state({"ema": old.state()["ema"]})
    assert not new.network.get_parameter("transform.weight").any()
    assert torch.equal(drawn(new), drawn(old))
    train(new, range(1, 4))
    back = small_ddpm()
    back.load_state({"ema": new.state()["ema"]})
    assert torch.equal(drawn(back), drawn(new)) and not torch.equal(drawn(new), drawn(old))


def test_the_other_random_numbers_are_left_alone(small_ddpm: Make) -> None:
    plain, told = small_ddpm(), small_ddpm(*AUGMENT)
    for name, tensor in plain.state()["weights"].items():
        assert torch.equal(tensor, told.state()["weights"][name])
    images = torch.zeros(8, 1, 8, 8)  # every view of black is black
    losses = [float(m.training_step(images, None, 1)["loss"]) for m in (plain, told)]
    assert losses[0] == losses[1]  # t and noise are the same
