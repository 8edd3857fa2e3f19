"""What `ddpm plan` and `ddpm doctor` are asked about: a run, a configuration file, or a preset."""

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
from ddpm.files import parse_json
from ddpm.loading.recipes import scaled_preset
from ddpm.presets import PRESETS
from ddpm.runs import RunFolder, find_run

HALF = ("fp16", "float16", "half")  # what other programs call it; ours trains in no such precision
PRECISION = "training.precision"


@dataclass(frozen=True)
class TargetRequest:
    """A target as it was typed, and what is to be changed in it."""

    target: str
    data: str | None = None
    scale: ScaleName | None = None
    device: str = "auto"
    overrides: Sequence[str] = ()


@dataclass(frozen=True)
class Target:
    """A configuration and where it comes from; `half`: it asks for fp16, which was taken out of it."""

    config: Config
    origin: str
    run: RunFolder | None = None
    half: bool = False


def read_target(asked: TargetRequest, *, runs_first: bool) -> Target:
    """The configuration meant; a preset and a run of one name are told apart by `runs_first`.

    RequestError where nothing is meant, or something that no run can have.
    """
    found = _found(asked, runs_first)
    half = [text for text in asked.overrides if _asks_half(text)]
    config = found.config
    if asked.data is not None:
        config = replace(config, data=replace(config.data, path=asked.data))
    config = with_overrides(config, [text for text in asked.overrides if text not in half])
    return replace(found, config=config, half=found.half or bool(half))


def _found(asked: TargetRequest, runs_first: bool) -> Target:
    run, path = find_run(asked.target), Path(asked.target)
    preset = asked.target in PRESETS
    if preset and not (runs_first and run is not None):
        config = scaled_preset(asked.target, asked.scale, asked.device)
        return Target(config, f"the preset {asked.target}")
    if asked.scale is not None:
        raise RequestError("--scale chooses the size of a preset; leave it out, or name a preset.")
    if run is not None:
        config, half = _read(run.config)
        return Target(config, f"the run {run.root}", run, half)
    if path.is_file() and path.suffix == ".json":
        config, half = _read(path)
        return Target(config, f"the configuration {path}", None, half)
    if path.exists():
        raise RequestError(
            f"{path} is no run and no configuration (a .json file); give a folder that ddpm train made, "
            f"or, for images, a preset as well: folder --data {path}"
        )
    raise unknown_name_error("run, configuration file or preset called", asked.target, PRESETS)


def _read(path: Path) -> tuple[Config, bool]:
    """The configuration in a file, and whether it asked for half precision."""
    try:
        values: Any = parse_json(path.read_text(encoding="utf-8-sig"))
        half = values["training"]["precision"] in HALF
    except (OSError, ValueError, LookupError, TypeError):
        half = False  # `load_config` says what is wrong with it
    if not half:
        return load_config(path), False
    values["training"]["precision"] = "auto"
    return config_from_dict(values), True


def _asks_half(assignment: str) -> bool:
    key, _, value = assignment.partition("=")
    return key.strip() == PRECISION and value.strip() in HALF
