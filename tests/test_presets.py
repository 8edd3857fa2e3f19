"""Presets: valid configurations, also after a round trip through JSON."""

from __future__ import annotations

import json
from typing import get_args

import pytest

from ddpm.config import ScaleName, check, config_from_dict
from ddpm.errors import RequestError
from ddpm.loading.bundled import BUNDLED, bundled_names
from ddpm.presets import PRESETS, get_preset


@pytest.mark.parametrize("name", PRESETS)
def test_presets_survive_json_and_their_own_check(name: str) -> None:
    config = get_preset(name).config
    check(config)
    assert config_from_dict(json.loads(json.dumps(config.to_dict()))) == config
    assert config.preset == name


@pytest.mark.parametrize("name", [name for name in PRESETS if name.startswith("dcgan")])
def test_dcgan_presets_are_the_papers(name: str) -> None:
    config = get_preset(name).config
    training = config.training
    assert (config.model, config.gan.latent, config.gan.channels) == ("dcgan", 100, 64)
    assert (training.optimizer, training.learning_rate, training.betas) == (
        "adam",
        2e-4,
        (0.5, 0.999),
    )
    assert (training.decay, training.warmup, training.clip) == ("none", 0, 0.0)
    assert config.data.labels is False and config.data.flip == (name == "dcgan-anime")


def test_a_scale_changes_only_presets_that_have_it() -> None:
    anime, digits = get_preset("anime"), get_preset("digits")
    assert anime.config_for("big-gpu").scale == "big-gpu"
    assert anime.config_for("big-gpu").training.batch_size == 512
    assert digits.config_for("big-gpu") == digits.config


def test_starting_weights_are_bundled_and_named_for_every_size_of_device() -> None:
    weights = {name: preset.weights for name, preset in PRESETS.items() if preset.weights}
    assert set(weights) == {"folder"}
    for by_scale in weights.values():
        assert set(by_scale) == set(get_args(ScaleName))
        for name, max_error_ratio in by_scale.values():
            assert name.removeprefix(BUNDLED) in bundled_names() and 0 < max_error_ratio < 1


def test_an_unknown_preset_is_answered_with_a_similar_name() -> None:
    with pytest.raises(RequestError, match=r"no preset or folder 'mnits'; did you mean mnist\?"):
        get_preset("mnits")
