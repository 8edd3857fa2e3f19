"""Every model family can be drawn."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ddpm.config import Config, with_overrides
from ddpm.models.outlines import outlines
from ddpm.models.registry import MODELS, make_model
from ddpm.models.spec import ModelSpec

SMALL = {"ddpm": ["network.channels=8"], "dcgan": ["model=dcgan", "gan.channels=8", "gan.latent=5"]}


@pytest.mark.parametrize("family", MODELS)
def test_every_family_has_an_outline_of_each_of_its_networks(family: str) -> None:
    small = SMALL.get(family, SMALL["ddpm"])
    config = replace(with_overrides(Config(), small), model=family)
    model = make_model(ModelSpec(config, (3, 20, 24), (0.0,) * 3, 1.0))
    found = outlines(model)
    assert set(found) == set(model.parameters())
    images = [row for rows in found.values() for row in (rows[0], rows[-1])]
    assert sum((r["channels"], r["height"], r["width"]) == (3, 20, 24) for r in images) == 2


def test_learned_variance_doubles_what_comes_out() -> None:
    config = with_overrides(Config(), ["diffusion.learned_variance=true", *SMALL["ddpm"]])
    (rows,) = outlines(make_model(ModelSpec(config, (1, 8, 8), (0.0,), 1.0))).values()
    assert (rows[0]["channels"], rows[-1]["channels"]) == (1, 2)
