"""Editing with a model: ends, edges and extremes whose answers are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from ddpm.diffusion.samplers import SAMPLERS
from ddpm.models.ddpm import Ddpm
from ddpm.models.image_editing import inpaint, interpolate, refine

Make = Callable[..., Ddpm]
IMAGE = torch.rand(1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
MASK = torch.zeros(1, 8, 8)
MASK[:, 2:5, 3:7] = 1
DETERMINISTIC = [name for name, sampler in SAMPLERS.items() if sampler.is_deterministic]


def own_samples(model: Ddpm, seeds: list[int], labels: list[int] | None = None) -> Tensor:
    *_, last = model.trajectory(seeds, labels, model.spec.config.sampling)
    return last.x


@pytest.mark.parametrize("sampler", DETERMINISTIC)
@pytest.mark.parametrize("schedule", ["cosine", "flow"])
def test_an_interpolation_ends_at_the_seeds_own_samples(
    small_ddpm: Make, sampler: str, schedule: str
) -> None:
    model = small_ddpm(f"sampling.sampler={sampler}", f"diffusion.schedule={schedule}", awake=True)
    path = interpolate(model, (4, 9), 3, model.spec.config.sampling)
    assert path.shape == (5, 1, 8, 8)
    ends = own_samples(model, [4, 9])
    torch.testing.assert_close(path[[0, -1]], ends, atol=1e-4, rtol=1e-3)
    assert not torch.allclose(path[2], ends[0], atol=1e-2)


def test_no_steps_between_is_the_two_ends(small_ddpm: Make) -> None:
    model = small_ddpm(awake=True)
    path = interpolate(model, (4, 9), 0, model.spec.config.sampling)
    torch.testing.assert_close(path, own_samples(model, [4, 9]), atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("sampler", sorted(set(SAMPLERS) - set(DETERMINISTIC)))
def test_a_sampler_that_adds_noise_is_replaced_by_ddim(small_ddpm: Make, sampler: str) -> None:
    model = small_ddpm(awake=True)
    settings = model.spec.config.sampling
    noisy = interpolate(model, (1, 2), 1, replace(settings, sampler=sampler))  # type: ignore[arg-type]
    assert torch.equal(noisy, interpolate(model, (1, 2), 1, replace(settings, sampler="ddim")))
    restless = replace(settings, sampler="ddim", eta=1.0)
    assert torch.equal(noisy, interpolate(model, (1, 2), 1, restless))


def test_deterministic_samplers_need_no_further_noise(small_ddpm: Make) -> None:
    """Another one that needs none may be left out of the list: DDIM walks for it."""
    model = small_ddpm(awake=True)
    settings = model.spec.config.sampling
    visited, x = model.levels(settings), torch.ones(1, 1, 8, 8)
    drawn_by = set()
    for sampler in SAMPLERS:
        calls = []

        def noise(calls: list[int] = calls) -> Tensor:
            calls.append(1)
            return torch.zeros(1, 1, 8, 8)

        list(model.frames(visited, x, noise, None, replace(settings, sampler=sampler)))  # type: ignore[arg-type]
        drawn_by |= {sampler} if calls else set()
    assert drawn_by >= {"ancestral", "dpm++2m-sde"} and not drawn_by & set(DETERMINISTIC)


def test_an_interpolation_takes_labels(small_ddpm: Make) -> None:
    model = small_ddpm(classes=2, awake=True)
    settings = model.spec.config.sampling
    path = interpolate(model, (1, 2), 1, settings, [1, 1, 1])
    torch.testing.assert_close(
        path[[0, -1]], own_samples(model, [1, 2], [1, 1]), atol=1e-4, rtol=1e-3
    )
    assert not torch.allclose(path, interpolate(model, (1, 2), 1, settings, [0, 0, 0]), atol=1e-3)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_inpainting_keeps_known_pixels_exactly(small_ddpm: Make, sampler: str) -> None:
    model = small_ddpm(f"sampling.sampler={sampler}", awake=True)
    answers = inpaint(model, IMAGE, MASK, [0, 1, 2], model.spec.config.sampling)
    assert answers.shape == (3, 1, 8, 8)
    hole = MASK.bool()
    for answer in answers:
        assert torch.equal(answer[~hole], IMAGE[~hole])
        assert answer[hole].isfinite().all() and not torch.allclose(answer[hole], IMAGE[hole])
    assert not torch.allclose(answers[0][hole], answers[1][hole], atol=1e-3)


def test_inpainting_takes_each_step_five_times_but_the_last(
    small_ddpm: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = small_ddpm("sampling.sampler=ddim", "sampling.steps=4", awake=True)
    visited: list[int] = []
    denoiser = model.denoiser

    def watched(*options, **more):  # type: ignore[no-untyped-def]
        denoise = denoiser(*options, **more)
        return lambda x, t: visited.append(int(t[0])) or denoise(x, t)

    monkeypatch.setattr(model, "denoiser", watched)
    inpaint(model, IMAGE, MASK, [0], model.spec.config.sampling)
    levels = model.levels(model.spec.config.sampling).t.tolist()
    assert visited == [t for t in levels[:-1] for _ in range(5)] + levels[-1:]


def test_an_answer_is_its_seed_s(small_ddpm: Make) -> None:
    model = small_ddpm(awake=True)
    settings = replace(model.spec.config.sampling, sampler="ancestral")
    for edit in (
        lambda seeds: inpaint(model, IMAGE, MASK, seeds, settings),
        lambda seeds: refine(model, IMAGE, 0.6, seeds, settings),
    ):
        assert torch.equal(edit([7, 1])[0], edit([7, 2])[0])
        assert not torch.allclose(edit([7, 1])[1], edit([7, 2])[1], atol=1e-3)


def test_no_more_are_drawn_at_once_than_a_chunk(
    small_ddpm: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what is done of it is told: two chunks of every step."""
    model = small_ddpm("sampling.steps=4", classes=2, awake=True)
    whole = model.spec.config.sampling
    edits: list[Callable[..., Tensor]] = [
        lambda settings, told: interpolate(model, (4, 9), 1, settings, [0, 1, 0], progress=told),
        lambda settings, told: inpaint(
            model, IMAGE, MASK, [3, 4, 5], settings, [0, 1, 0], progress=told
        ),
        lambda settings, told: refine(
            model, IMAGE, 1.0, [3, 4, 5], settings, [0, 1, 0], progress=told
        ),
    ]
    asked: list[int] = []
    denoiser = model.denoiser

    def watched(*options, **more):  # type: ignore[no-untyped-def]
        denoise = denoiser(*options, **more)
        return lambda x, t: asked.append(len(x)) or denoise(x, t)

    monkeypatch.setattr(model, "denoiser", watched)
    for edit in edits:
        one = edit(whole, lambda *_: None)
        asked.clear()
        told: list[tuple[int, int]] = []
        two = edit(replace(whole, chunk=2), lambda *done: told.append(done))  # noqa: B023
        torch.testing.assert_close(two, one, atol=1e-4, rtol=1e-3)
        assert set(asked) == {2, 1}
        assert told == [(done, 8) for done in range(1, 9)]


def test_an_empty_mask_hands_the_image_back(small_ddpm: Make) -> None:
    model = small_ddpm(awake=True)
    (answer,) = inpaint(model, IMAGE, torch.zeros(1, 8, 8), [0], model.spec.config.sampling)
    assert torch.equal(answer, IMAGE)


def test_one_mask_covers_every_channel(small_ddpm: Make) -> None:
    model = small_ddpm(channels=3, awake=True)
    image = IMAGE.expand(3, 8, 8)
    (answer,) = inpaint(model, image, MASK, [0], model.spec.config.sampling)
    changed = (answer != image).all(dim=0)
    assert torch.equal(changed, MASK[0].bool())


def learned(small_ddpm: Make) -> Ddpm:
    """A model that has learned IMAGE's brightness and its negative's, a little."""
    model = small_ddpm(
        "training.learning_rate=0.01", "training.steps=60", "diffusion.num_steps=100"
    )
    images = torch.cat([IMAGE.expand(8, 1, 8, 8), -IMAGE.expand(8, 1, 8, 8)])
    for step in range(1, 61):
        model.training_step(images, None, step)
    return model


def test_strength_decides_how_much_of_the_image_is_left(small_ddpm: Make) -> None:
    model = learned(small_ddpm)
    settings = model.spec.config.sampling

    def distance(strength: float) -> float:
        """Of two opposite images after refining with the same noise."""
        one = refine(model, IMAGE, strength, [0, 1, 2, 3], settings)
        other = refine(model, -IMAGE, strength, [0, 1, 2, 3], settings)
        return float((one - other).abs().mean())

    whole = float((2 * IMAGE).abs().mean())
    (nearly,) = refine(model, IMAGE, 0.0, [0], settings)
    assert (nearly - IMAGE).abs().mean() < 0.05
    assert distance(0.0) > 0.9 * whole
    assert distance(0.0) > distance(0.7) > distance(1.0)
    assert distance(1.0) < 0.1 * whole


def test_refining_walks_a_share_of_the_steps(
    small_ddpm: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = small_ddpm("sampling.steps=10", awake=True)
    visits: list[list[int]] = []
    frames = model.frames

    def watched(visited, *rest):  # type: ignore[no-untyped-def]
        visits.append(visited.t.tolist())
        return frames(visited, *rest)

    monkeypatch.setattr(model, "frames", watched)
    for strength in (0.0, 0.1, 0.5, 1.0):
        refine(model, IMAGE, strength, [0], model.spec.config.sampling)
    assert [len(visit) for visit in visits] == [1, 1, 5, 10]
    assert [visit[0] for visit in visits] == [0, 2, 10, 19]  # of t = 0 .. 19


def test_labels_reach_inpainting_and_refining(small_ddpm: Make) -> None:
    model = small_ddpm(classes=2, awake=True)
    settings = model.spec.config.sampling
    for zero, one in (
        [inpaint(model, IMAGE, MASK, [0], settings, [c]) for c in (0, 1)],
        [refine(model, IMAGE, 0.8, [0], settings, [c]) for c in (0, 1)],
    ):
        assert not torch.allclose(zero, one, atol=1e-3)
