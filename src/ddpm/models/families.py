"""The model families by name: the table that turns a spec into a model."""

from __future__ import annotations

from collections.abc import Callable

import torch

from ddpm.models.base import GenerativeModel
from ddpm.models.consistency import Consistency
from ddpm.models.dcgan import Dcgan
from ddpm.models.ddpm import Ddpm
from ddpm.models.spec import ModelSpec

MODELS: dict[str, Callable[[ModelSpec, torch.device | str], GenerativeModel]] = {
    "ddpm": Ddpm,
    "dcgan": Dcgan,
    "consistency": Consistency,
}


def make_model(spec: ModelSpec, device: torch.device | str = "cpu") -> GenerativeModel:
    """The model that `spec` describes, untrained, on `device`."""
    return MODELS[spec.config.model](spec, device)
