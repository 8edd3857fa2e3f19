"""Optimizers by name, and the learning rate at every step."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import nn

from ddpm.config import TrainingConfig
from ddpm.optim.muon import Muon

FINAL_RATE = 0.01  # of the full learning rate, at the end of a decay


def make_optimizer(
    parameters: Iterable[nn.Parameter], training: TrainingConfig
) -> torch.optim.Optimizer:
    """Return Adam or AdamW (fused), or Muon."""
    if training.optimizer == "muon":
        return Muon(
            parameters,
            lr=training.learning_rate,
            betas=training.betas,
            weight_decay=training.weight_decay,
        )
    kind = torch.optim.Adam if training.optimizer == "adam" else torch.optim.AdamW
    return kind(
        parameters,
        lr=training.learning_rate,
        betas=training.betas,
        weight_decay=training.weight_decay,
        fused=True,
    )


def learning_rate(step: int, training: TrainingConfig) -> float:
    """Return the rate of optimizer step `step` (from 1): linear warm-up, then decay until `training.steps`.

    It depends on the step and the total alone: if a finished run gets a larger total, the rate follows
    the longer curve from there on. `inverse-sqrt` (Vaswani et al. 2017, section 5.3) does not depend on the
    total: it falls with the root of the step after the warm-up.
    """
    if training.decay == "inverse-sqrt":
        warmup = max(1, training.warmup)
        return training.learning_rate * min(step / warmup, math.sqrt(warmup / step))
    warm = min(1.0, step / training.warmup) if training.warmup else 1.0
    span = max(1, training.steps - training.warmup)
    progress = min(1.0, max(0.0, (step - training.warmup) / span))
    shape = {
        "none": 1.0,
        "linear": 1 - progress,
        "cosine": 0.5 * (1 + math.cos(math.pi * progress)),
    }[training.decay]
    return training.learning_rate * warm * (FINAL_RATE + (1 - FINAL_RATE) * shape)
