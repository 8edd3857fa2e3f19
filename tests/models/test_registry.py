"""Every family keeps the protocol that the training loop and the samplers' callers rely on."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from ddpm.models.base import GenerativeModel
from ddpm.models.ddpm import Ddpm
from ddpm.models.registry import MODELS, make_model
from ddpm.models.spec import ModelSpec

METHODS = [name for name in vars(GenerativeModel) if not name.startswith("_")]


def test_the_protocol_is_what_the_loop_needs() -> None:
    assert {"training_step", "heldout_loss", "trajectory", "state", "load_state"} <= set(METHODS)


@pytest.mark.parametrize("family", MODELS.values(), ids=MODELS)
@pytest.mark.parametrize("method", METHODS)
def test_every_family_has_every_method_with_the_same_arguments(
    family: Callable[..., GenerativeModel], method: str
) -> None:
    asked = inspect.signature(getattr(GenerativeModel, method)).parameters
    found = inspect.signature(getattr(family, method)).parameters
    assert list(found) == list(asked)


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
