"""Targets of `ddpm plan` and `ddpm doctor`: the configuration of a run, a file or a preset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ddpm.config import (
    Config,
    ScaleName,
    config_from_dict,
    load_config,
    unknown_name_error,
    with_overrides,
)
from ddpm.errors import RequestError
from ddpm.files import read_json
from ddpm.loading.offline import cached_dataset
from ddpm.loading.recipes import scaled_preset
from ddpm.loading.starting_weights import suitable_start
from ddpm.presets import PRESETS
from ddpm.runs import RunFolder, find_run
from ddpm.terminal import escape

FP16_NAMES = ("fp16", "float16", "half")  # names of a precision that training does not support
PRECISION_KEY = "training.precision"


@dataclass(frozen=True)
class TargetRequest:
    """Arguments of `ddpm plan` and `ddpm doctor`: a target, and changes to its configuration."""

    target: str  # a run, a configuration file, or a preset
    data: str | None = None  # None: as configured
    scale: ScaleName | None = None
    device: str = "auto"
    overrides: Sequence[str] = ()  # key.path=value


@dataclass(frozen=True)
class Target:
    """A configuration and where it comes from."""

    config: Config
    origin: str  # for messages: `the preset mnist`
    run: RunFolder | None = None
    requests_fp16: bool = False  # replaced by auto, since training does not support fp16
    is_preset: bool = False
    init: str | None = None  # weights that `ddpm train` would start from by itself


def read_target(request: TargetRequest, *, runs_first: bool) -> Target:
    """Return the configuration of a target with the requested changes.

    `runs_first`: a name of both a run and a preset means the run. RequestError if there is no such target,
    or if a change is not valid.
    """
    target = _find_target(request, runs_first)
    half = [override for override in request.overrides if _requests_fp16(override)]
    config = target.config
    if request.data is not None:
        config = replace(config, data=replace(config.data, path=request.data))
    overrides = [text for text in request.overrides if text not in half]
    config, init = with_overrides(config, overrides), None
    if target.is_preset and PRESETS[request.target].weights:
        config, init = _planned_start(config, overrides, request.device)
    requests_fp16 = target.requests_fp16 or bool(half)
    return replace(target, config=config, requests_fp16=requests_fp16, init=init)


def _planned_start(
    config: Config, overrides: Sequence[str], device: str
) -> tuple[Config, str | None]:
    """Return the configuration and the initial weights that `ddpm train` would choose.

    They depend on the images: if these are not decoded yet, `config` and None.
    """
    dataset = cached_dataset(config)
    if dataset is None:
        return config, None
    return suitable_start(config, dataset, overrides, device)


def _find_target(request: TargetRequest, runs_first: bool) -> Target:
    run, path = find_run(request.target), Path(request.target)
    is_preset = request.target in PRESETS
    if is_preset and not (runs_first and run is not None):
        config = scaled_preset(request.target, request.scale, request.device)
        return Target(config, f"the preset {request.target}", is_preset=True)
    if request.scale is not None:
        raise RequestError(
            f"--scale applies to presets, and {request.target} is not one; leave --scale out."
        )
    if run is not None:
        config, half = _read_config(run.config)
        return Target(config, escape(f"the run {run.root}"), run, half)
    if path.is_file() and path.suffix == ".json":
        config, half = _read_config(path)
        return Target(config, escape(f"the configuration {path}"), None, half)
    if path.exists():
        raise RequestError(
            f"{path} is neither a run nor a configuration (a .json file). Pass a folder created by "
            f"ddpm train; for images, pass: folder --data {path}"
        )
    raise unknown_name_error("run, configuration file or preset called", request.target, PRESETS)


def _read_config(path: Path) -> tuple[Config, bool]:
    """Read a configuration, and return whether it asked for half precision."""
    try:
        values: Any = read_json(path)
        half = values["training"]["precision"] in FP16_NAMES
    except (OSError, ValueError, LookupError, TypeError):
        half = False  # `load_config` reports what is wrong
    if not half:
        return load_config(path), False
    values["training"]["precision"] = "auto"
    return config_from_dict(values), True


def _requests_fp16(override: str) -> bool:
    key, _, value = override.partition("=")
    return key.strip() == PRECISION_KEY and value.strip() in FP16_NAMES
