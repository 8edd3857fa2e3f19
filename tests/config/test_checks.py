"""Values and combinations of settings that are refused, with the way to correct them."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ddpm.config import (
    Config,
    DiffusionConfig,
    check,
    with_overrides,
)
from ddpm.config.checks import _BOUNDS
from ddpm.errors import RequestError
from ddpm.presets import get_preset
from tests.examples import examples


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("training.learning_rat=1", "training.learning_rate"),
        ("learning_rate=1", "training.learning_rate"),
        ("training=3", "training.steps"),
        ("training.steps.more=3", "no configuration key"),
        ("training.steps", "key.path=value"),
        ("training.steps=many", "whole number"),
        ("training.steps=1.5", "whole number"),
        ("training.steps=true", "whole number"),
        ("training.steps=0", "between 1"),
        ("training.ema=1", r"between 0 and 0\.9999999, not 1\.0\."),
        ("training.batch_size=1048577", r"between 1 and 1048576, not 1048577\."),
        ("training.steps=1000000001", r"between 1 and 1000000000, not 1000000001\."),
        ("training.learning_rate=NaN", "finite"),
        ("scale=big-gpu", "--scale"),
        ("training.learning_rate=-1", "between 0"),
        ("diffusion.schedule=cosinus", "cosine"),
        ("data.channels=2", "1, 3, auto"),
        ("network.multipliers=[]", "level"),
        ("network.attention=[0]", "pixels"),
        ("training.betas=[0.9]", "2 values"),
        ("training.betas=[0.9, 1.0]", "betas"),
        ("sampling.guidance_interval=[0.9, 0.1]", "rising"),
        ("sampling.steps=1001", "diffusion.num_steps"),
        ("training.accumulate=999", "batch_size"),
        ("data.transforms=rotat", "rotate"),
        ("data.labels=atuo", "auto"),
        ("data.labels=kmeans:1", "2 to 1000"),
        ("data.labels=kmeans", "kmeans:10"),
        ("data.labels=file:", "file:COLUMN"),
        ("data.labels=labels.txt:breed", "NAME.csv:COLUMN"),
    ],
)
def test_a_refusal_says_how_to_correct_it(assignment: str, words: str) -> None:
    with pytest.raises(RequestError, match=words.replace("[", r"\[")):
        with_overrides(Config(), [assignment])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"schedule": "flow", "objective": "noise"}, "velocity"),
        ({"schedule": "edm", "objective": "v"}, "objective=edm"),
        ({"schedule": "flow", "objective": "velocity", "learned_variance": True}, "betas"),
        ({"objective": "velocity", "learned_variance": True}, "objective"),
    ],
)
def test_impossible_pairs_are_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(RequestError, match=words):
        check(dataclasses.replace(Config(), diffusion=DiffusionConfig(**changes)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("preset", "assignment", "words"),
    [
        ("mnist", "gan.latent=10", "setting of a DCGAN"),
        ("dcgan-mnist", "network.channels=16", "a DCGAN uses data.*, gan.*, training"),
        ("dcgan-mnist", "diffusion.schedule=linear", "setting of a diffusion model"),
        ("dcgan-mnist", "sampling.sampler=dpm++2m", "one pass"),  # the default is refused as well
        ("dcgan-mnist", "data.labels=true", "data.labels=false"),
        ("dcgan-mnist", "data.augment=0.1", "data.flip"),
        ("dcgan-mnist", "training.accumulate=2", "training.accumulate=1"),
        ("dcgan-mnist", "training.batch_size=1", "at least 2"),
        ("dcgan-mnist", "gan.label_smoothing=0.6", "gan.label_smoothing must lie"),
        ("dcgan-mnist", "model=dcgn", "did you mean dcgan"),
    ],
)  # fmt: skip
def test_a_family_refuses_settings_that_it_does_not_use(
    preset: str, assignment: str, words: str
) -> None:
    with pytest.raises(RequestError, match=words):
        with_overrides(get_preset(preset).config, [assignment])


@pytest.mark.parametrize(
    ("preset", "assignments", "words"),
    [
        ("mnist", ["data.transforms=scale, x-flip, y-flip"], "remove x-flip and y-flip"),
        ("digits", ["data.transforms=y-flip"], "remove y-flip"),
        ("anime", ["data.transforms=[]"], "data.augment=0"),
    ],
)
def test_transforms_that_mirror_digits_or_none_at_all_are_refused(
    preset: str, assignments: list[str], words: str
) -> None:
    config = get_preset(preset).config
    with pytest.raises(RequestError, match=words):
        with_overrides(config, ["data.augment=0.1", *assignments])
    assert with_overrides(config, assignments).data.augment == 0  # off: nothing is said


def test_a_dcgan_takes_its_own_settings_in_any_order() -> None:
    settings = ["gan.channels=16", "model=dcgan", "training.precision=fp32", "sampling.chunk=5"]
    config = with_overrides(Config(), settings)
    assert config.gan.channels == 16 and not config.has_reverse_process
    assert Config().has_reverse_process


@given(st.sampled_from(sorted(_BOUNDS)), st.booleans())
@settings(max_examples=examples(60), deadline=None)
def test_every_bound_is_enforced_on_both_sides(key: str, low: bool) -> None:
    lowest, highest = _BOUNDS[key]
    outside = lowest - 1 if low else highest * 2 + 1
    with pytest.raises(RequestError, match=key):
        with_overrides(Config(), [f"{key}={outside!r}"])
