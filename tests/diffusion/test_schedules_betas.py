"""The first and last beta of the schedule `linear` can be set, and default to the paper's."""

from __future__ import annotations

import pytest
import torch

import ddpm
from ddpm.config import config_from_dict
from ddpm.errors import RequestError


def test_the_betas_of_a_linear_schedule_are_those_that_were_set() -> None:
    schedule = ddpm.make_schedule("linear", 1000, beta_start=2e-4, beta_end=0.03)
    ratio = schedule.signal.square()
    betas = torch.cat([1 - ratio[:1], 1 - ratio[1:] / ratio[:-1]])
    assert float(betas[0]) == pytest.approx(2e-4) and float(betas[-1]) == pytest.approx(0.03)
    plain = ddpm.make_schedule("linear", 1000)
    same = ddpm.make_schedule("linear", 1000, beta_start=1e-4, beta_end=0.02)
    assert torch.equal(plain.signal, same.signal)


def test_a_model_uses_the_betas_of_its_configuration() -> None:
    images = torch.zeros(8, 1, 8, 8, dtype=torch.uint8)
    images[:4] = 255
    config = ddpm.get_preset("mnist-assignment").config
    assert (config.diffusion.beta_start, config.diffusion.beta_end) == (1e-4, 0.02)
    changed = ddpm.with_overrides(config, ["diffusion.beta_end=0.01", "network.channels=8"])
    model = ddpm.build_model(changed, images, device="cpu")
    expected = ddpm.make_schedule("linear", 1000, beta_start=1e-4, beta_end=0.01)
    assert torch.equal(model.schedule.signal, expected.signal)  # type: ignore[attr-defined]


def test_a_configuration_without_betas_opens_with_the_defaults() -> None:
    config = ddpm.get_preset("mnist-assignment").config
    values = config.to_dict()
    del values["diffusion"]["beta_start"], values["diffusion"]["beta_end"]
    assert config_from_dict(values) == config


@pytest.mark.parametrize(
    ("preset", "setting", "sentence"),
    [
        ("mnist", "diffusion.beta_end=0.01", "apply to diffusion.schedule=linear only, not"),
        ("mnist-assignment", "diffusion.beta_start=0.5", "is larger than diffusion.beta_end=0.02"),
        ("mnist-assignment", "diffusion.beta_end=1.5", "must lie between"),
    ],
)
def test_betas_without_effect_or_sense_are_refused(
    preset: str, setting: str, sentence: str
) -> None:
    with pytest.raises(RequestError, match=sentence):
        ddpm.with_overrides(ddpm.get_preset(preset).config, [setting])
