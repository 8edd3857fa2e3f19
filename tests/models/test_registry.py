"""Every family keeps the protocol that the training loop and the samplers' callers rely on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from ddpm.config import FAMILIES, Config, with_overrides
from ddpm.models.base import DistilledModel, GenerativeModel, as_diffusion
from ddpm.models.ddpm import Ddpm
from ddpm.models.registry import MODELS, make_model
from ddpm.models.spec import ModelSpec


def test_make_model_takes_the_family_by_name(small_spec: Callable[..., ModelSpec]) -> None:
    model: GenerativeModel = make_model(small_spec())  # the assignment is what mypy checks
    assert isinstance(model, Ddpm) and model.device == torch.device("cpu")
    assert model.spec == small_spec()


def test_a_family_that_is_not_in_the_table_is_refused(
    small_spec: Callable[..., ModelSpec],
) -> None:
    spec = small_spec()
    unknown = replace(spec, config=replace(spec.config, model="pixels"))  # type: ignore[arg-type]
    with pytest.raises(KeyError, match="pixels"):
        make_model(unknown)


SMALL = {"ddpm": ["network.channels=8"], "dcgan": ["model=dcgan", "gan.channels=8", "gan.latent=5"]}


def small_model(family: str) -> GenerativeModel:
    config = replace(with_overrides(Config(), SMALL.get(family, SMALL["ddpm"])), model=family)  # type: ignore[arg-type]
    return make_model(ModelSpec(config, (3, 20, 24), (0.0,) * 3, 1.0))


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_can_do_what_its_row_declares(name: str) -> None:
    family, model = FAMILIES[name], small_model(name)
    assert (as_diffusion(model) is not None) is family.is_diffusion
    assert isinstance(model, DistilledModel) is family.is_distilled
    assert (MODELS[name].make_sharded is not None) is family.can_shard


@pytest.mark.parametrize("family", MODELS)
def test_every_family_has_an_outline_of_each_of_its_networks(family: str) -> None:
    model = small_model(family)
    found = model.outlines()
    assert set(found) == set(model.parameter_counts())
    images = [row for rows in found.values() for row in (rows[0], rows[-1])]
    assert sum((r["channels"], r["height"], r["width"]) == (3, 20, 24) for r in images) == 2


def test_learned_variance_doubles_what_comes_out() -> None:
    config = with_overrides(Config(), ["diffusion.learned_variance=true", *SMALL["ddpm"]])
    (rows,) = make_model(ModelSpec(config, (1, 8, 8), (0.0,), 1.0)).outlines().values()
    assert (rows[0]["channels"], rows[-1]["channels"]) == (1, 2)
