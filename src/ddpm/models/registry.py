"""The table that turns a spec into a model of its family."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch

from ddpm.errors import RequestError
from ddpm.models.base import GenerativeModel, as_diffusion
from ddpm.models.dcgan import Dcgan
from ddpm.models.ddpm import Ddpm
from ddpm.models.onnx_model import Evaluate, OnnxModel, OnnxStudent
from ddpm.models.polished import PolishedDdpm
from ddpm.models.sizes import Make, TensorSpec, check_size, check_weight_specs
from ddpm.models.spec import ModelSpec
from ddpm.models.student import Student


class ModelMaker(NamedTuple):
    """The constructors of a model family."""

    make: Make
    make_sharded: Make | None = None  # each process holds a part of the training state


MODELS: dict[str, ModelMaker] = {
    "ddpm": ModelMaker(Ddpm, Ddpm.sharded_over_processes),
    "dcgan": ModelMaker(Dcgan),
    "student": ModelMaker(Student),
    "polished": ModelMaker(PolishedDdpm),
}


def make_model(spec: ModelSpec, device: torch.device | str = "cpu") -> GenerativeModel:
    """Return the untrained model that `spec` describes, on `device`.

    RequestError: it does not fit into memory.
    """
    make = MODELS[spec.config.model].make
    check_size(spec, make)
    return make(spec, device)


def make_onnx_model(spec: ModelSpec, evaluate: Evaluate, file_bytes: bytes) -> GenerativeModel:
    """Return the model of an ONNX file whose denoiser is `evaluate`. RequestError: a family without one."""
    if spec.config.family.is_distilled:
        return OnnxStudent(spec, evaluate, file_bytes)
    if spec.config.family.is_diffusion:
        return OnnxModel(spec, evaluate, file_bytes)
    raise RequestError(f"An ONNX file cannot hold {spec.config.family.noun}; export the run again.")


def make_sharded(spec: ModelSpec, device: torch.device | str) -> GenerativeModel:
    """Return the untrained model that `spec` describes, each process holding a part of it on `device`.

    RequestError: the CPU's memory, in which it is made, cannot hold it.
    """
    row = MODELS[spec.config.model]
    if row.make_sharded is None:
        raise ValueError(f"models of the family {spec.config.model} cannot be sharded")
    check_size(spec, row.make)
    return row.make_sharded(spec, device)


def gather_model(model: GenerativeModel) -> GenerativeModel:
    """Return `model`, or a model with its gathered averaged weights if it is sharded.

    All processes must call it together.
    """
    diffusion = as_diffusion(model)
    return model if diffusion is None else diffusion.unsharded()


def check_weights(spec: ModelSpec, found: Mapping[str, TensorSpec]) -> None:
    """Raise RequestError unless tensors like `found` are weights of the model that `spec` describes."""
    check_weight_specs(spec, MODELS[spec.config.model].make, found)
