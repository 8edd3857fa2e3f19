"""The model families by name: the table that turns a spec into a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch

from ddpm.models.base import GenerativeModel
from ddpm.models.dcgan import Dcgan
from ddpm.models.ddpm import Ddpm
from ddpm.models.sizes import Form, check_forms, check_size
from ddpm.models.spec import ModelSpec
from ddpm.models.student import Student

MODELS: dict[str, Callable[[ModelSpec, torch.device | str], GenerativeModel]] = {
    "ddpm": Ddpm,
    "dcgan": Dcgan,
    "student": Student,
}


def make_model(spec: ModelSpec, device: torch.device | str = "cpu") -> GenerativeModel:
    """The model that `spec` describes, untrained, on `device`; RequestError where it is too large."""
    make = MODELS[spec.config.model]
    check_size(spec, make)
    return make(spec, device)


def check_weights(spec: ModelSpec, found: Mapping[str, Form]) -> None:
    """RequestError where tensors of the forms `found` are not the weights of the model of `spec`."""
    check_forms(spec, MODELS[spec.config.model], found)
