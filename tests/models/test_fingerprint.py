"""Hashes of weights: names, shapes, types and bytes, and nothing else."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable

import torch

from ddpm.models.ddpm import Ddpm
from ddpm.models.fingerprint import tensors_hash, weights_hash

WEIGHTS = {"b": torch.tensor([[1.0, -2.0]]), "a": torch.tensor([3.0])}


def test_the_hash_by_hand() -> None:
    text = b"a [1] torch.float32\n" + struct.pack("<f", 3.0)
    text += b"b [1, 2] torch.float32\n" + struct.pack("<ff", 1.0, -2.0)
    assert tensors_hash(WEIGHTS) == hashlib.sha256(text).hexdigest()[:16]


def test_order_and_memory_layout_do_not_count() -> None:
    x = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    reordered = dict(reversed(WEIGHTS.items()))
    assert tensors_hash(reordered) == tensors_hash(WEIGHTS)
    last = x.to(memory_format=torch.channels_last).requires_grad_()
    assert tensors_hash({"x": last}) == tensors_hash({"x": x})


def test_every_change_is_seen() -> None:
    changed = [
        {**WEIGHTS, "a": torch.tensor([3.0000002])},
        {**WEIGHTS, "a": torch.tensor([[3.0]])},
        {**WEIGHTS, "a": torch.tensor([3.0], dtype=torch.float64)},
        {"b": WEIGHTS["b"], "c": WEIGHTS["a"]},
        {"b": WEIGHTS["b"]},
    ]
    assert len({tensors_hash(weights) for weights in [WEIGHTS, *changed]}) == 6


def test_a_model_is_known_by_its_averaged_weights(small_ddpm: Callable[..., Ddpm]) -> None:
    model, same, other = small_ddpm(), small_ddpm(), small_ddpm(awake=True)
    assert weights_hash(model) == weights_hash(same) != weights_hash(other)
    model.training_step(torch.rand(8, 1, 8, 8) * 2 - 1, None, 0)
    assert weights_hash(model) != weights_hash(same)
