"""What a model takes is known without making it."""

from __future__ import annotations

import math
import sys
from typing import Any

import pytest
import torch

from ddpm.config import config_from_dict
from ddpm.errors import RequestError
from ddpm.models import sizes
from ddpm.models.registry import MODELS, make_model
from ddpm.models.sizes import TensorSpec, check_size, check_weight_specs, weight_specs
from ddpm.models.spec import ModelSpec


def spec(shape: tuple[int, int, int] = (1, 8, 8), **sections: Any) -> ModelSpec:
    return ModelSpec(config_from_dict(sections), shape, (0.0,) * shape[0], 0.5)


SPECS = [
    spec(network={"channels": 8, "multipliers": [1, 2], "attention": [4]}),
    spec((3, 9, 13), network={"channels": 6, "multipliers": [3], "blocks": 2, "patch": 2}),
    spec(data={"augment": 0.1}, diffusion={"learned_variance": True}, network={"channels": 8}),
    spec(model="dcgan", gan={"channels": 4}, training={"ema": 0.0}),
    spec(model="student"),
]


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_the_forms_are_those_of_the_model_itself(spec: ModelSpec) -> None:
    model = make_model(spec)
    real = {name: TensorSpec.of(tensor) for name, tensor in model.averaged_weights().items()}
    assert weight_specs(spec, MODELS[spec.config.model].make) == real


def test_looking_ahead_changes_no_random_number_and_takes_no_memory() -> None:
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    huge = spec(network={"channels": 4096, "multipliers": [64, 64], "blocks": 1})
    forms = weight_specs(huge, MODELS["ddpm"].make).values()
    assert sum(math.prod(form.shape) for form in forms) > 10**12
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.nn.Linear(2, 2).weight.device.type == "cpu"


def test_looking_ahead_loads_no_compiler() -> None:
    """torch's own way of making modules without memory imports 800 modules."""
    weight_specs.cache_clear()
    before = set(sys.modules)
    weight_specs(SPECS[0], MODELS["ddpm"].make)
    assert set(sys.modules) - before == set()


@pytest.mark.parametrize(
    ("sections", "mend"),
    [
        ({"network": {"channels": 4096, "multipliers": [64, 64]}}, "make network.channels smaller"),
        ({"model": "dcgan", "gan": {"channels": 4096, "latent": 65536}}, "make gan.channels smaller"),
        ({"sampling": {"chunk": 65536}}, "sampling.chunk=65536 images"),
    ],
)  # fmt: skip
def test_what_memory_cannot_hold_is_refused(
    sections: dict[str, Any], mend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sizes, "memory_size", lambda: 2**30)
    with pytest.raises(RequestError, match=mend):
        make_model(spec((3, 64, 64), **sections))


def test_a_network_of_nothing_is_refused() -> None:
    odd = spec(network={"channels": 1, "multipliers": [1]})
    with pytest.raises(RequestError, match="This network cannot be created"):
        check_size(odd, lambda spec, device: torch.nn.Linear(-1, 2))  # type: ignore[arg-type, return-value]


def test_memory_is_that_of_the_machine() -> None:
    assert 2**28 < sizes.memory_size() < 2**46


@pytest.mark.parametrize(
    "damage",
    [
        lambda forms: {**forms, "head.weight": TensorSpec((1, 1), True)},
        lambda forms: {**forms, "head.weight": forms["head.weight"]._replace(is_floating=False)},
    ],
)
def test_another_shape_or_kind_is_named(damage: Any) -> None:
    forms = weight_specs(SPECS[0], MODELS["ddpm"].make)
    check_weight_specs(SPECS[0], MODELS["ddpm"].make, forms)
    with pytest.raises(RequestError, match=r"head\.weight does not have the shape or data type"):
        check_weight_specs(SPECS[0], MODELS["ddpm"].make, damage(forms))
