"""The protocol of a model: every family keeps it, and anything else is refused."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import pytest

from ddpm.errors import RequestError
from ddpm.models.base import DistilledModel, GenerativeModel, as_diffusion, check_model
from ddpm.models.ddpm import Ddpm
from ddpm.models.registry import MODELS

METHODS = [name for name in vars(GenerativeModel) if not name.startswith("_")]


def test_the_protocol_is_what_the_loop_needs() -> None:
    assert {"training_step", "heldout_loss", "trajectory", "state", "load_state"} <= set(METHODS)


@pytest.mark.parametrize("family", [row.make for row in MODELS.values()], ids=MODELS)
@pytest.mark.parametrize("method", METHODS)
def test_every_family_has_every_method_with_the_same_arguments(
    family: Callable[..., GenerativeModel], method: str
) -> None:
    asked = inspect.signature(getattr(GenerativeModel, method)).parameters
    found = inspect.signature(getattr(family, method)).parameters
    assert list(found) == list(asked)


def test_what_is_no_model_is_refused(small_ddpm: Callable[..., Ddpm]) -> None:
    check_model(small_ddpm())
    with pytest.raises(RequestError, match=r"open_model\(…\)\.model .*, not a value of type str"):
        check_model("runs/digits")


def test_only_a_model_with_a_denoiser_is_a_diffusion_model(small_ddpm: Callable[..., Ddpm]) -> None:
    model = small_ddpm()
    assert as_diffusion(model) is model
    assert not isinstance(model, DistilledModel)
