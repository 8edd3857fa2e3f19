"""Initial weights of `--init`: their network, objective and normalization, and why they do not fit."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from ddpm.config import Config, differing_keys, get_value, without_guide
from ddpm.config.families import SECTION_OWNERS
from ddpm.errors import RequestError
from ddpm.loading.bundled import BUNDLED, bundled_name
from ddpm.loading.checkpoints import load_into
from ddpm.loading.guides import can_share_guide
from ddpm.loading.models import open_model
from ddpm.models.autoguidance import GUIDE_PREFIX
from ddpm.models.base import GenerativeModel
from ddpm.models.spec import ModelSpec
from ddpm.optim.state import State
from ddpm.runs import find_run
from ddpm.terminal import print_line

_SECTIONS = ("network", "diffusion", "gan")  # of a configuration, that describe the weights


@dataclass(frozen=True)
class InitialWeights:
    """Averaged weights that training starts from, and the model that they belong to."""

    name: str  # as the user named the model
    state: State
    spec: ModelSpec

    def load_into(self, model: GenerativeModel) -> None:
        """Copy the weights into `model`. RequestError, which names both values, if they do not fit."""
        try:
            load_into(model, self.state, self.name)
        except RequestError as error:
            raise mismatch_error(model.spec, self.spec, self.name) from error
        if self.spec.image_shape != model.spec.image_shape:
            print_line(
                f"the weights of {self.name} were trained on images of {_shape(self.spec)}; these are "
                f"{_shape(model.spec)}"
            )


def open_initial_weights(init: str, model: GenerativeModel | None = None) -> InitialWeights:
    """Return the averaged weights of `model`, else of the run, file or bundled weights called `init`."""
    opened = model or open_model(init, "cpu").model
    return InitialWeights(init, {"ema": opened.averaged_weights()}, opened.spec)


def with_initial_settings(config: Config, init: str, set_keys: Collection[str]) -> Config:
    """Return `config` with the network, the objective and the use of labels of the weights `init`.

    If they are bundled, also with their sampling. Print the changed values in one line, but for `set_keys`,
    which the user sets. RequestError if the weights are of another family.
    """
    weights = open_initial_weights(init).spec
    learned = adopt_settings(config, weights.config, _labels(config, weights))
    changed = adopt_sampling(learned, weights.config, init)
    keys = [key for key in differing_keys(config, changed) if key not in set_keys]
    values = [f"{key}={json.dumps(get_value(changed, key))}" for key in keys]
    what = "network, objective and normalization"
    if changed.sampling != learned.sampling:
        what = "network, objective, normalization and sampling"
    print_line(f"{what} are those of {init}" + (f" ({', '.join(values)})" if values else ""))
    return changed


def adopt_settings(config: Config, source: Config, labels: bool | str) -> Config:
    """Return `config` with the sections of `source` that describe its weights, and with `data.labels`.

    RequestError if the weights of `source` are of another family.
    """
    names = [name for name in _SECTIONS if name in config.family.sections]
    if not set(names) & set(source.family.sections):
        raise _family_error(config, source)
    sections: dict[str, Any] = {name: getattr(source, name) for name in names}
    data = replace(config.data, labels=labels)
    sampling = config.sampling
    if "diffusion" in names:  # a schedule of fewer levels allows fewer steps
        steps = min(sampling.steps, source.diffusion.num_steps)
        sampling = replace(sampling, steps=steps)
    return replace(config, data=data, sampling=sampling, **sections)


def adopt_sampling(config: Config, source: Config, init: str) -> Config:
    """Return `config` with the sampling of the bundled weights `init`, whose configuration is `source`.

    Their guide becomes that of the training: it is worse in the same ways, and more so than an early state
    of a training that begins with good weights (measured: docs/results.md). Weights that are not bundled, or
    of another kind of model, leave `config` as it is.
    """
    name = bundled_name(init) if find_run(init) is None else None
    if name is None or source.model != config.model:
        return config
    sampling = replace(source.sampling, chunk=config.sampling.chunk)
    if sampling.autoguided:
        sampling = replace(sampling, guide=f"{GUIDE_PREFIX}:{BUNDLED}{name}")
    return replace(config, sampling=sampling)


def with_fitting_guide(config: Config, spec: ModelSpec) -> Config:
    """Return `config` without the guide of other weights if their classes, channels or noise levels differ.

    `spec` is that of the model to train. One line says that the guide is left out.
    """
    kind, _, target = config.sampling.guide.partition(":")
    if kind != GUIDE_PREFIX or can_share_guide(spec, open_model(target, "cpu").model.spec):
        return config
    print_line(
        f"sampling without the guide of {target}, whose classes, channels or noise levels differ"
    )
    return replace(config, sampling=without_guide(config.sampling))


def _labels(config: Config, weights: ModelSpec) -> bool | str:
    """Return `data.labels` for weights that learned classes, or did not."""
    if not weights.num_classes:
        return False
    theirs, own = weights.config.data, config.data
    if theirs.clusters:
        return theirs.labels
    return own.labels if own.labels and not own.clusters else "auto"


def initialized_spec(spec: ModelSpec, init: str) -> ModelSpec:
    """Return `spec` with the normalization (`data_mean`, `data_std`) that the weights `init` learned with.

    RequestError if the images have other channels than the weights.
    """
    weights = open_initial_weights(init).spec
    if weights.image_shape[0] != spec.image_shape[0]:
        raise mismatch_error(spec, weights, init)
    return with_statistics(spec, weights)


def with_statistics(spec: ModelSpec, weights: ModelSpec) -> ModelSpec:
    """Return `spec` with the `data_mean` and the `data_std` of `weights`."""
    return replace(spec, data_mean=weights.data_mean, data_std=weights.data_std)


def _family_error(config: Config, source: Config) -> RequestError:
    return RequestError(
        f"The weights of --init are those of {source.family.noun}, but this run trains "
        f"{config.family.noun}; pass weights of {config.family.noun}, or choose a preset for them."
    )


def mismatch_error(spec: ModelSpec, weights: ModelSpec, init: str) -> RequestError:
    """Return the error for weights that do not fit the model of `spec`: it names both values."""
    if not set(spec.config.family.sections) & set(weights.config.family.sections) & set(_SECTIONS):
        return _family_error(spec.config, weights.config)
    if weights.image_shape != spec.image_shape:
        channels, height, width = weights.image_shape
        size = str(height) if height == width else f"{height}x{width}"
        return RequestError(
            f"The images are {_shape(spec)}, but the weights of {init} are for {_shape(weights)} "
            f"(channels x height x width). Convert the images with --set data.size={size} --set "
            f"data.channels={channels}, or choose other weights."
        )
    if weights.num_classes != spec.num_classes:
        return RequestError(
            f"The weights of {init} learned {_classes(weights)}, but this run has {_classes(spec)}; choose "
            "weights that fit, or images with the same classes."
        )
    keys = differing_keys(spec.config, weights.config)
    values = [
        f"{key} is {json.dumps(get_value(weights.config, key))} there and "
        f"{json.dumps(get_value(spec.config, key))} here"
        for key in keys
        if key.partition(".")[0] in SECTION_OWNERS
    ]
    return RequestError(
        f"The weights of {init} belong to another network"
        + (
            f": {', '.join(values)}. Leave these settings out."
            if values
            else "; choose other weights."
        )
    )


def _shape(spec: ModelSpec) -> str:
    return "x".join(map(str, spec.image_shape))


def _classes(spec: ModelSpec) -> str:
    return f"{spec.num_classes} classes" if spec.num_classes else "no classes"
