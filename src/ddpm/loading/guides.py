"""Guides for autoguidance: an earlier state of a run, or another model, as named by `sampling.guide`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from ddpm.config import SamplingConfig
from ddpm.errors import RequestError
from ddpm.models.autoguidance import GUIDE_PREFIX, MODEL_PREFIX, Predictor, missing_run_error
from ddpm.models.base import DiffusionModel, GenerativeModel, as_diffusion
from ddpm.models.registry import check_weights
from ddpm.models.spec import ModelSpec
from ddpm.optim.posthoc_ema import TRACKED_LENGTHS, averages_by_length
from ddpm.runs import RunFolder, find_run
from ddpm.training.checkpoint import load, load_weights

OpenModel = Callable[[str, str], GenerativeModel]  # (target, device) → model


def find_guide(
    model: DiffusionModel, run: RunFolder | None, open_model: OpenModel, name: str
) -> Predictor | Mapping[str, Tensor]:
    """Return the guide `name`: a network, or weights for the network of `model`.

    `step:N` is the average in the checkpoint of step N of `run`, `snapshot:N` its longest average saved at
    step N, `model:TARGET` another model, named as in `ddpm sample`, and `guide:TARGET` the guide of another
    model. RequestError if the guide is missing or damaged, or if it does not fit `model`.
    """
    kind, _, rest = name.partition(":")
    if kind == MODEL_PREFIX:
        other = _other_model(model, open_model, name)
        _check_same_images(model.spec, other.spec, rest)
        return other.averaged
    if kind == GUIDE_PREFIX:
        other = _other_model(model, open_model, name)
        _check_same_classes(model.spec, other.spec, rest)
        return other.guide(_guide_of(other, rest))
    if run is None:
        raise missing_run_error(name)
    return _earlier_state(run, name, kind, int(rest))


def guide_weights(
    model: DiffusionModel, open_model: OpenModel
) -> tuple[dict[str, Tensor], ModelSpec]:
    """Return the averaged weights of the guide of `model` and their specification, to save them in a file."""
    name = model.spec.config.sampling.guide
    kind, _, rest = name.partition(":")
    if kind == MODEL_PREFIX:
        other = open_model(rest, str(model.device))
        return other.averaged_weights(), other.spec
    if kind == GUIDE_PREFIX:
        return guide_weights(_other_model(model, open_model, name), open_model)
    return dict(model.guide(name).network.state_dict()), model.spec


def _other_model(model: DiffusionModel, open_model: OpenModel, name: str) -> DiffusionModel:
    """Return the model in the guide `name`. RequestError if there is none, or if its noise levels differ."""
    target = name.partition(":")[2]
    try:
        other = as_diffusion(open_model(target, str(model.device)))
    except RequestError as error:
        raise RequestError(
            f"{error} sampling.guide={name} needs it; sample without a guide with --guidance 1."
        ) from error
    if other is None:
        raise RequestError(f"{target} is not a diffusion model; choose another guide.")
    if not _have_same_levels(model.spec, other.spec):
        raise _unlike_error(model.spec, other.spec, target)
    return other


def _guide_of(other: DiffusionModel, target: str) -> str:
    """Return the name of the guide of the model called `target`. RequestError if it has none."""
    sampling = other.spec.config.sampling
    if not sampling.autoguided:
        raise RequestError(
            f"{target} has no guide; choose another one, or none with --set sampling.guide=."
        )
    if sampling.guide.startswith(f"{GUIDE_PREFIX}:"):
        raise RequestError(
            f"{target} has no guide of its own, but that of another model ({sampling.guide}); choose another "
            "guide."
        )
    return sampling.guide


def can_share_guide(own: ModelSpec, theirs: ModelSpec) -> bool:
    """Return whether the guide of one model can guide the other: same channels, noise levels and classes."""
    return _have_same_levels(own, theirs) and _have_same_classes(own, theirs)


def _have_same_levels(own: ModelSpec, theirs: ModelSpec) -> bool:
    """Return whether two models have the same noise levels, and images with the same channels."""
    ours, other = own.config.diffusion, theirs.config.diffusion
    return ours.levels == other.levels and own.image_shape[0] == theirs.image_shape[0]


def _check_same_images(own: ModelSpec, theirs: ModelSpec, target: str) -> None:
    """Raise RequestError if the model `target` learned images of another size, or other classes."""
    if own.image_shape != theirs.image_shape:
        raise _unlike_error(own, theirs, target)
    _check_same_classes(own, theirs, target)


def _check_same_classes(own: ModelSpec, theirs: ModelSpec, target: str) -> None:
    if not _have_same_classes(own, theirs):
        raise RequestError(
            f"{target} has other classes than the model that it should guide; choose a guide with the same "
            "classes, or without classes."
        )


def _have_same_classes(own: ModelSpec, theirs: ModelSpec) -> bool:
    """Return whether two models learned the same classes, or one of them none."""
    if not own.num_classes or not theirs.num_classes:
        return True
    return _class_identity(own) == _class_identity(theirs)


def _unlike_error(own: ModelSpec, theirs: ModelSpec, target: str) -> RequestError:
    return RequestError(
        f"{target} has other image shapes or noise levels ({_levels_and_shape(theirs)}) than the model "
        f"that it should guide ({_levels_and_shape(own)}); choose a guide that agrees in both."
    )


def _class_identity(spec: ModelSpec) -> tuple[object, ...]:
    """Return values that identify the classes: names, and also sizes for pseudo-labels (named 0, 1, …)."""
    clusters = spec.config.data.clusters
    return spec.class_names, clusters, spec.class_counts if clusters else ()


def _levels_and_shape(spec: ModelSpec) -> str:
    """Return `1x28x28, schedule=cosine, num_steps=1000`."""
    levels = spec.config.diffusion.levels
    shape = "x".join(map(str, spec.image_shape))
    return ", ".join([shape, *(f"{key}={value}" for key, value in levels.items())])


def _earlier_state(run: RunFolder, name: str, kind: str, step: int) -> Mapping[str, Tensor]:
    """Return the averaged weights that `run` saved at `step`."""
    if step not in _saved_steps(run, kind):
        choices = {other: _saved_steps(run, other) for other in ("step", "snapshot")}
        raise RequestError(
            f"{run.root} holds no {'checkpoint' if kind == 'step' else kind} of step {step}; "
            f"sampling.guide can be {_choices(choices)}."
        )
    weights: Mapping[str, Tensor]
    if kind == "step":
        weights = load(run.checkpoint(step), ("ema",), check_weights).state["ema"]
    else:
        snapshot = averages_by_length(load_weights(run.snapshot(step))[0])[max(TRACKED_LENGTHS)]
        weights = {name: tensor.float() for name, tensor in snapshot.items()}
    if not all(bool(tensor.isfinite().all()) for tensor in weights.values()):
        raise RequestError(
            f"The guide {name} of {run.root} holds NaN or infinite weights; choose another guide."
        )
    return weights


def _saved_steps(run: RunFolder, kind: str) -> list[int]:
    return run.checkpoint_steps() if kind == "step" else run.snapshot_steps()


def _choices(steps: Mapping[str, Sequence[int]]) -> str:
    """Return `step:500, step:1000 or snapshot:62, …`."""
    return " or ".join(
        ", ".join(f"{kind}:{step}" for step in saved) for kind, saved in steps.items() if saved
    )


def with_absolute_guide(sampling: SamplingConfig) -> SamplingConfig:
    """Return the settings with an absolute path for a guiding model, valid in any working folder."""
    kind, _, target = sampling.guide.partition(":")
    run, path = find_run(target), Path(target)
    location = run.root if run is not None else path if path.is_file() else None
    if kind not in (MODEL_PREFIX, GUIDE_PREFIX) or location is None:
        return sampling
    return replace(sampling, guide=f"{kind}:{location.absolute()}")
