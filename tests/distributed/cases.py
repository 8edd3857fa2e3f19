"""Small trainings that one process and several must agree on."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ddpm.config import Config, with_overrides
from ddpm.models.ddpm import Ddpm
from ddpm.models.spec import ModelSpec

SETTINGS = (
    "network.channels=8",
    "network.multipliers=1,2",
    "diffusion.num_steps=20",
    "data.labels=true",
    "training.steps=20",
    "training.warmup=0",
    "training.precision=fp32",
    "training.ema=0.9",
    "training.learning_rate=1e-2",
)


@dataclass(frozen=True)
class Case:
    """A training: its settings beside SETTINGS, how many steps, and whether it lies in parts."""

    settings: tuple[str, ...]
    steps: int = 1
    shard: bool = False


CASES = {
    "adamw": Case(("training.batch_size=8", "training.optimizer=adamw")),
    "uneven": Case(("training.batch_size=7", "training.optimizer=muon", "training.accumulate=2")),
    "several": Case(("training.batch_size=5", "training.optimizer=muon"), steps=3),
    "dropout": Case(("training.batch_size=8", "network.dropout=0.3"), steps=2),
    "parts-adamw": Case(
        (
            "training.batch_size=8",
            "training.optimizer=adamw",
            "training.accumulate=2",
            "training.posthoc_ema=16",
        ),
        shard=True,
    ),
    "parts-muon": Case(("training.batch_size=8", "training.optimizer=muon"), steps=3, shard=True),
    "weighting": Case(("training.batch_size=8", "diffusion.weighting=learned"), steps=2),
    "parts-weighting": Case(
        ("training.batch_size=8", "training.accumulate=2", "diffusion.weighting=learned"),
        steps=2,
        shard=True,
    ),
    "parts-edm2": Case(("training.batch_size=8", "network.kind=edm2"), steps=2, shard=True),
    "parts-dit": Case(
        (
            "training.batch_size=8",
            "network.kind=dit",
            "network.width=16",
            "network.long_skips=true",
        ),
        shard=True,
    ),
}


def trained(case: Case, *, shard: bool) -> tuple[Ddpm, dict[str, Tensor]]:
    """The model after the case's steps, and of the last one what it measured."""
    model = Ddpm(spec(*case.settings), sharded=shard)
    model.load_state(somewhere(Ddpm(model.spec)))
    measured: dict[str, Tensor] = {}
    for step in range(1, case.steps + 1):
        batch = model.learner.training.batch_size
        losses = model.training_step(*images(batch, step), step)
        measured = {name: value.detach().clone() for name, value in losses.items()}
    return model, measured


def spec(*overrides: str) -> ModelSpec:
    """Of 8x8 images of three classes."""
    return ModelSpec(
        config=with_overrides(Config(), [*SETTINGS, *overrides]),
        image_shape=(1, 8, 8),
        data_mean=(-0.2,),
        data_std=0.6,
        class_names=("a", "b", "c"),
        class_counts=(3, 3, 3),
    )


def somewhere(model: Ddpm) -> dict[str, dict[str, Tensor]]:
    """Weights at which no gradient is zero by construction, as those of fresh layers are."""
    generator = torch.Generator().manual_seed(3)
    weights = {
        name: tensor + 0.05 * torch.randn(tensor.shape, generator=generator)
        for name, tensor in model.network.state_dict().items()
    }
    return {"ema": weights, "weights": weights}


def images(batch: int, step: int) -> tuple[Tensor, Tensor]:
    """A batch in model range and its labels."""
    generator = torch.Generator().manual_seed(step)
    drawn = torch.rand((batch, 1, 8, 8), generator=generator) * 2 - 1
    return drawn, torch.randint(3, (batch,), generator=generator)


def flat(model: Ddpm) -> dict[str, Tensor]:
    """Its whole state under one name a tensor."""
    return {f"{stem}/{k}": t for stem, tensors in model.state().items() for k, t in tensors.items()}
