"""Weights in eight bits: integers from -127 to 127, and one scale for each output channel.

The largest weight of a channel is 127 times its scale, so rounding changes a weight by at most 1/254 of that.
Vectors (biases, norms) and small tensors stay in half precision: they take no space, and the last layer is
among them, whose rows are the pixels' places after space-to-depth: rounding errors of a row become stripes.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ddpm.models.sizes import TensorSpec

SCALE_SUFFIX = ".scale"  # after the name of an eight-bit tensor
MIN_NUMBERS = 1 << 13  # of a tensor that is stored in eight bits
_LARGEST = 127


def quantize(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return large matrices and kernels [O, ...] as integers with scales [O], all else in half precision."""
    stored: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if not tensor.is_floating_point():
            stored[name] = tensor
        elif tensor.dim() < 2 or tensor.numel() < MIN_NUMBERS:
            stored[name] = tensor.half()
        else:
            rows = tensor.float().flatten(1)
            scale = rows.abs().amax(1) / _LARGEST
            integers = (rows / scale.clamp_min(torch.finfo(torch.float32).tiny)[:, None]).round()
            stored[name] = integers.to(torch.int8).reshape(tensor.shape)
            stored[name + SCALE_SUFFIX] = scale
    return stored


def dequantize(stored: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of a file; those that have scales as float32. ValueError if a scale does not fit."""
    tensors: dict[str, Tensor] = {}
    for name in dequantized_forms({name: TensorSpec.of(t) for name, t in stored.items()}):
        tensor, scale = stored[name], stored.get(name + SCALE_SUFFIX)
        if scale is not None:
            if tensor.dim() < 2 or scale.shape != tensor.shape[:1]:
                raise ValueError(f"the scale of {name} does not fit it")
            tensor = (tensor.float().flatten(1) * scale.float()[:, None]).reshape(tensor.shape)
        tensors[name] = tensor
    return tensors


def dequantized_forms(forms: Mapping[str, TensorSpec]) -> dict[str, TensorSpec]:
    """Return the shapes and kinds of the tensors that `dequantize` returns."""
    return {
        name: TensorSpec(form.shape, form.is_floating or name + SCALE_SUFFIX in forms)
        for name, form in forms.items()
        if name.removesuffix(SCALE_SUFFIX) == name or name.removesuffix(SCALE_SUFFIX) not in forms
    }
