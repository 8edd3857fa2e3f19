"""Autoguidance by a run's own past or by another model: where what `sampling.guide` names is found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from ddpm.config import SamplingConfig
from ddpm.errors import RequestError
from ddpm.models.autoguidance import MODEL, Guide, without_run
from ddpm.models.base import DiffusionModel, GenerativeModel, as_diffusion
from ddpm.models.registry import check_weights
from ddpm.models.spec import ModelSpec
from ddpm.optim.posthoc_ema import TRACKED, parts
from ddpm.runs import RunFolder, find_run
from ddpm.training.checkpoint import load, load_weights

OpenModel = Callable[[str, str], GenerativeModel]  # (target, device) → the model it names


def find_guide(
    model: DiffusionModel, run: RunFolder | None, open_model: OpenModel, name: str
) -> Guide | Mapping[str, Tensor]:
    """`step:N`: the average in `run`'s checkpoint of step N; `snapshot:N`: the longer one put aside then;
    `model:TARGET`: another model, named as for `ddpm sample`.

    RequestError where there is none, it is damaged, or it draws other images than `model`.
    """
    kind, _, rest = name.partition(":")
    if kind == MODEL:
        return _other_model(model, open_model, rest)
    if run is None:
        raise without_run(name)
    return _past(run, name, kind, int(rest))


def _other_model(model: DiffusionModel, open_model: OpenModel, target: str) -> Guide:
    try:
        other = as_diffusion(open_model(target, str(model.device)))
    except RequestError as error:
        raise RequestError(
            f"{error} That is what sampling.guide={MODEL}:{target} names; --guidance 1 draws without it."
        ) from error
    if other is None:
        raise RequestError(f"{target} is not a diffusion model; choose another guide.")
    own, its = model.spec, other.spec
    levels = [
        (spec.config.diffusion.schedule, spec.config.diffusion.num_steps) for spec in (own, its)
    ]
    if own.image_shape != its.image_shape or levels[0] != levels[1]:
        raise RequestError(
            f"{target} draws other images or on other noise levels ({_kind(its)}) than the model that it "
            f"is to guide ({_kind(own)}); choose one that agrees in both."
        )
    if own.num_classes and its.num_classes and _classes(own) != _classes(its):
        raise RequestError(
            f"{target} knows other classes than the model that it is to guide; choose one that learned the "
            "same, or none."
        )
    return other.averaged


def _classes(spec: ModelSpec) -> tuple[object, ...]:
    """What its labels mean. Groups that were found are called 0, 1, … in every run; their sizes tell more."""
    groups = spec.config.data.clusters
    return spec.class_names, groups, spec.class_counts if groups else ()


def _kind(spec: ModelSpec) -> str:
    """`1x28x28, cosine in 1000 steps`."""
    diffusion = spec.config.diffusion
    shape = "x".join(map(str, spec.image_shape))
    return f"{shape}, {diffusion.schedule} in {diffusion.num_steps} steps"


def _past(run: RunFolder, name: str, kind: str, step: int) -> Mapping[str, Tensor]:
    there = _steps(run, kind)
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


def with_absolute_guide(sampling: SamplingConfig) -> SamplingConfig:
    """The same settings, with the place of another model in full: runs are drawn from in any folder."""
    kind, _, target = sampling.guide.partition(":")
    run, path = find_run(target), Path(target)
    place = run.root if run is not None else path if path.is_file() else None
    if kind != MODEL or place is None:
        return sampling
    return replace(sampling, guide=f"{MODEL}:{place.absolute()}")
