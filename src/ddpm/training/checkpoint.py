"""Checkpoints: safetensors and JSON only, checksummed, written whole or not at all, pruned.

checkpoints/step-00001000/ema.safetensors weights.safetensors optimizer.safetensors state.json
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import math
import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialized
from safetensors.torch import save_file
from torch import Tensor

from ddpm.errors import RequestError
from ddpm.files import TEMP_PREFIX, parse_json, replacing_folder
from ddpm.messages import message
from ddpm.models.sizes import Form
from ddpm.models.spec import ModelSpec
from ddpm.optim.state import State
from ddpm.training.faults import NotFiniteError

STATE_FILE = "state.json"
SPEC_KEY = "ddpm"
_FLOATS = ("F", "BF")  # what the names of floating kinds begin with
_FILE = re.compile(r"[a-z]+\.safetensors")  # of tensors; no other is ever looked at

Check = Callable[[ModelSpec, Mapping[str, Form]], None]


def no_check(spec: ModelSpec, forms: Mapping[str, Form]) -> None:
    """The check that any tensors pass."""


@dataclass(frozen=True)
class Checkpoint:
    """What was loaded: the tensors, the model's description of itself and the plain progress row."""

    state: State
    spec: ModelSpec
    progress: dict[str, Any]


def save_weights(path: Path, tensors: dict[str, Tensor], spec: ModelSpec) -> None:
    """One safetensors file that says itself what it is; OSError where the disk refuses."""
    try:
        save_file(_plain(tensors), path, metadata={SPEC_KEY: spec.to_json()})
    except SafetensorError as error:
        words = f"the weights could not be written ({error})"
        raise OSError(errno.EIO, words, str(path)) from error


def weights_bytes(state: State, spec: ModelSpec) -> int:
    """Bytes of the weights files that `save` would write."""
    header = {SPEC_KEY: spec.to_json()}
    return sum(len(serialized(_plain(tensors), header)) for tensors in state.values())


def _plain(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}


def load_weights(path: Path, check: Check = no_check) -> tuple[dict[str, Tensor], ModelSpec]:
    """The tensors and the spec of a weights file; RequestError where it is not one of ours.

    `check` is asked before the tensors are read, and raises RequestError where they do not fit the spec.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if SPEC_KEY not in metadata:
                raise RequestError(f"{path} holds weights, but not of a ddpm-studio model.")
            spec = ModelSpec.from_json(metadata[SPEC_KEY])
            check(spec, {name: _form(file.get_slice(name)) for name in file.keys()})  # noqa: SIM118
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, ValueError) as error:
        if isinstance(error, RequestError):
            raise
        raise RequestError(f"{path} is not a readable safetensors file ({error}).") from error
    return tensors, spec


def _form(entry: Any) -> Form:
    """Of a tensor that lies in a file, from the file's header."""
    return Form(tuple(entry.get_shape()), entry.get_dtype().startswith(_FLOATS))


def save(folder: Path, state: State, spec: ModelSpec, progress: dict[str, Any]) -> None:
    """Write `state` to `folder` at once; NotFiniteError, and nothing written, where it is not finite."""
    check_finite(state, progress["step"])
    with replacing_folder(folder) as temporary:
        sums = {}
        for stem, tensors in state.items():
            file = temporary / f"{stem}.safetensors"
            save_weights(file, tensors, spec)
            sums[file.name] = _sha256(file)
        row = {"progress": progress, "sha256": sums}
        text = json.dumps({**row, "seal": _seal(row)}, indent=2)
        (temporary / STATE_FILE).write_text(text, encoding="utf-8")


def load(folder: Path, stems: Iterable[str] | None = None, check: Check = no_check) -> Checkpoint:
    """The checkpoint in `folder`, its checksums verified; RequestError where it is damaged.

    `stems`: load these files only (`ema` is all that sampling needs). `check`: as in `load_weights`.
    """
    row = _read_state(folder)
    state: State = {}
    spec = None
    for name, expected in row["sha256"].items():
        stem = name.removesuffix(".safetensors")
        if stems is not None and stem not in stems:
            continue
        file = folder / name
        if not _is_intact(file, expected):
            raise RequestError(f"The checkpoint {folder} is damaged: {name} is missing or altered.")
        state[stem], spec = load_weights(file, no_check if stem == "optimizer" else check)
    if spec is None:
        raise RequestError(f"The checkpoint {folder} holds no weights.")
    return Checkpoint(state, spec, row["progress"])


def _read_state(folder: Path) -> dict[str, Any]:
    """`state.json`, its own seal verified; RequestError where it is damaged."""
    try:
        row: dict[str, Any] = parse_json((folder / STATE_FILE).read_text(encoding="utf-8"))
        if row.pop("seal") != _seal(row):
            raise ValueError(f"{STATE_FILE} was altered")
        if not _is_state(**row):
            raise ValueError(f"{STATE_FILE} holds what no training writes")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RequestError(f"The checkpoint {folder} is damaged ({error}).") from error
    return row


def _is_state(progress: Any, sha256: Any) -> bool:
    """Whether the values are of the right kind, and no name leads elsewhere."""
    numbers = [type(value) in (int, float) and math.isfinite(value) for value in progress.values()]
    counts = [progress.get(name, 0) for name in ("step", "accumulate")]
    whole = all(type(count) is int and 0 <= count < 2**40 for count in counts)
    if not (all(numbers) and whole and "step" in progress and all(map(_FILE.fullmatch, sha256))):
        return False
    return bool(0 < progress.get("rate", 1.0) <= 1 and progress.get("seconds", 0.0) >= 0)


def check_finite(state: State, step: int) -> None:
    """NotFiniteError where any tensor holds a number that is not finite."""
    for stem, tensors in state.items():
        for name, tensor in tensors.items():
            if tensor.is_floating_point() and not torch.isfinite(tensor).all():
                found = message("not_finite_tensor", step=step, tensor=f"{stem}/{name}")
                raise NotFiniteError(found)


def steps_to_keep(steps: Iterable[int], *spared: int | None) -> set[int]:
    """Which checkpoints to keep: the last two, one in each doubling of the step count before, any spared."""
    ordered = sorted(steps)
    kept = set(ordered[-2:])
    by_octave = {step.bit_length(): step for step in ordered}
    return kept | set(by_octave.values()) | {step for step in ordered if step in spared}


def kept_steps(steps: Iterable[int]) -> set[int]:
    """Which of a whole run's checkpoints, written at `steps` and pruned each time, are there at its end."""
    kept: set[int] = set()
    for step in steps:
        kept = steps_to_keep({*kept, step})
    return kept


def prune(paths: Mapping[int, Path], *spared: int | None) -> None:
    """Delete the checkpoints (step → folder) that `steps_to_keep` does not keep."""
    for step in paths.keys() - steps_to_keep(paths, *spared):
        _delete(paths[step])


def delete_later(paths: Mapping[int, Path], step: int) -> None:
    """Delete the checkpoints after `step`, from which a training goes on: they were found damaged."""
    for later in paths:
        if later > step:
            _delete(paths[later])


def _delete(folder: Path) -> None:
    """Delete a checkpoint; a killed process leaves no half of it under its name."""
    gone = folder.with_name(f"{TEMP_PREFIX}{folder.name}")
    with contextlib.suppress(OSError):
        folder.replace(gone)
    shutil.rmtree(gone, ignore_errors=True)


def _seal(row: dict[str, Any]) -> str:
    """A checksum of the plain values themselves, so that state.json vouches for itself."""
    return hashlib.sha256(json.dumps(row, sort_keys=True).encode()).hexdigest()


def _is_intact(path: Path, expected: str) -> bool:
    """Whether the file is there, can be read, and has that checksum."""
    try:
        return _sha256(path) == expected
    except OSError:
        return False


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
