"""Autoguidance by a run's own past: where the guide that `sampling.guide` names is found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from torch import Tensor

from ddpm.config import Config, SamplingConfig
from ddpm.errors import RequestError
from ddpm.models.base import GenerativeModel
from ddpm.models.ddpm import Ddpm
from ddpm.models.families import check_weights
from ddpm.models.guides import Guides
from ddpm.models.posthoc import TRACKED, parts
from ddpm.runs import RunFolder
from ddpm.training.checkpoint import load, load_weights


def give_guides(model: GenerativeModel, run: RunFolder) -> None:
    """Let `model` find what `run` was earlier."""
    if isinstance(model, Ddpm):
        model.guides = Guides(partial(find_guide, run))


def check_guide(model: GenerativeModel, settings: SamplingConfig) -> None:
    """RequestError, before anything is drawn, where the guide that `settings` name is not there."""
    if isinstance(model, Ddpm) and settings.autoguided:
        model.guides.network(settings.guide, model.ema.network)


def find_guide(run: RunFolder, name: str) -> Mapping[str, Tensor]:
    """`step:N`: the average in the checkpoint of step N; `snapshot:N`: the longer one put aside then.

    RequestError where there is none, or it is damaged.
    """
    kind, _, number = name.partition(":")
    there, step = _steps(run, kind), int(number)
    if step not in there:
        others = {other: _steps(run, other) for other in ("step", "snapshot")}
        raise RequestError(
            f"{run.root} holds no {'checkpoint' if kind == 'step' else kind} of step {step} to be guided "
            f"by; sampling.guide can be {_choices(others)}."
        )
    weights: Mapping[str, Tensor]
    if kind == "step":
        weights = load(run.checkpoint(step), ("ema",), check_weights).state["ema"]
    else:
        snapshot = parts(load_weights(run.snapshot(step))[0])[max(TRACKED)]
        weights = {name: tensor.float() for name, tensor in snapshot.items()}
    if not all(bool(tensor.isfinite().all()) for tensor in weights.values()):
        raise RequestError(f"{name} of {run.root} holds numbers that are not finite.")
    return weights


def _steps(run: RunFolder, kind: str) -> list[int]:
    return run.checkpoint_steps() if kind == "step" else run.snapshot_steps()


def _choices(steps: Mapping[str, Sequence[int]]) -> str:
    """`step:500, step:1000 or snapshot:62, …`."""
    return " or ".join(
        ", ".join(f"{kind}:{step}" for step in found) for kind, found in steps.items() if found
    )


def unguided(config: Config) -> Config:
    """The configuration of weights that leave their run: a guide that stays behind is not asked for."""
    return replace(config, sampling=without_guide(config.sampling))


def without_guide(sampling: SamplingConfig) -> SamplingConfig:
    """The same settings without autoguidance, where there is some."""
    return replace(sampling, guide="", guidance=1.0) if sampling.guide else sampling


def check_begun(config: Config) -> None:
    """RequestError where a training that is yet to begin is to be guided by its own past."""
    if config.sampling.guide:
        raise RequestError(
            f"sampling.guide={config.sampling.guide} names a moment of the training, which is yet to come; "
            "leave it out, and give it to ddpm sample."
        )
