"""Checkpoints: safetensors and JSON with checksums, written atomically and pruned.

checkpoints/step-00001000/ema.safetensors weights.safetensors optimizer.safetensors state.json
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import math
import os
import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as from_bytes
from safetensors.torch import save as to_bytes
from safetensors.torch import save_file
from torch import Tensor

from ddpm.errors import RequestError, WorkError
from ddpm.files import TEMP_PREFIX, atomic_folder, read_json
from ddpm.messages import message
from ddpm.models.sizes import TensorSpec
from ddpm.models.spec import SPEC_KEY, ModelSpec, read_header
from ddpm.optim.state import State
from ddpm.training.eight_bit import dequantize, dequantized_forms
from ddpm.training.faults import NotFiniteError

STATE_FILE = "state.json"
_FLOAT_PREFIXES = ("F", "BF")  # of dtype names in safetensors files
# Errors that mean damage: a file is missing, is a folder, or lies on a broken part of the disk.
_DAMAGE = (errno.ENOENT, errno.EISDIR, errno.ENOTDIR, errno.EIO)
_TENSOR_FILE = re.compile(r"[a-z]+\.safetensors")  # other names in state.json are refused

Check = Callable[[ModelSpec, Mapping[str, TensorSpec]], None]
Accept = Callable[[Mapping[str, str], Mapping[str, TensorSpec]], None]


def no_check(spec: ModelSpec, forms: Mapping[str, TensorSpec]) -> None:
    """Accept any tensors."""


@dataclass(frozen=True)
class Checkpoint:
    """Contents of a checkpoint: tensors, model specification and progress (step, seconds, adjustments)."""

    state: State
    spec: ModelSpec
    progress: dict[str, Any]


def save_weights(path: Path, tensors: dict[str, Tensor], spec: ModelSpec) -> None:
    """Write tensors and their model specification into one safetensors file. OSError if that fails."""
    try:
        save_file(_on_cpu(tensors), path, metadata={SPEC_KEY: spec.to_json()})
    except SafetensorError as error:
        reason = f"the weights could not be written ({error})"
        raise OSError(errno.EIO, reason, str(path)) from error


def weights_bytes(state: State, spec: ModelSpec) -> int:
    """Return the size in bytes of the weights files that `save` would write."""
    header = {SPEC_KEY: spec.to_json()}
    return sum(len(to_bytes(_on_cpu(tensors), header)) for tensors in state.values())


def _on_cpu(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}


def load_weights(path: Path, check: Check = no_check) -> tuple[dict[str, Tensor], ModelSpec]:
    """Read the tensors and the model specification of a weights file; eight-bit tensors as float32.

    `check` is called before the tensors are read. RequestError if the file is not a weights file of
    ddpm-studio, or if `check` refuses it. WorkError if the system cannot open it. The file is read here:
    safetensors opens no path that is not UTF-8.
    """
    found: list[ModelSpec] = []

    def accept(metadata: Mapping[str, str], forms: Mapping[str, TensorSpec]) -> None:
        if SPEC_KEY not in metadata:
            raise RequestError(f"{path} does not hold weights of a ddpm-studio model.")
        found.append(ModelSpec.from_json(metadata[SPEC_KEY]))
        check(found[0], dequantized_forms(forms))

    tensors = read_safetensors(path, accept)
    try:
        return dequantize(tensors), found[0]
    except ValueError as error:
        raise RequestError(f"{path} does not hold the weights of a model ({error}).") from error


def read_safetensors(path: Path, accept: Accept) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file after `accept(metadata, shapes)` has raised no error.

    RequestError if the file is damaged, WorkError if the system cannot open it.
    """
    try:
        with path.open("rb") as file:
            header = read_header(file)
            metadata = header.pop("__metadata__", {})
            accept(metadata, {name: _form(entry) for name, entry in header.items()})
            end = max((entry["data_offsets"][1] for entry in header.values()), default=0)
            if os.fstat(file.fileno()).st_size != file.tell() + end:  # before it is read as a whole
                raise ValueError("its length does not fit its header")
            file.seek(0)
            return from_bytes(file.read())
    except RequestError:
        raise
    except (OSError, SafetensorError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise_if_unreadable(path, error)
        raise RequestError(f"{path} is not a readable safetensors file ({error}).") from error


def _form(entry: Mapping[str, Any]) -> TensorSpec:
    """Return the shape and kind of a tensor from the header of its file."""
    return TensorSpec(tuple(entry["shape"]), entry["dtype"].startswith(_FLOAT_PREFIXES))


def raise_if_unreadable(path: Path, error: Exception) -> None:
    """Raise WorkError if `error` says nothing about the content of `path`: a permission, a limit."""
    if isinstance(error, OSError) and error.errno not in _DAMAGE:
        reason = error.strerror or error
        raise WorkError(f"{path} cannot be read ({reason}). Check its permissions.") from error


def save(folder: Path, state: State, spec: ModelSpec, progress: dict[str, Any]) -> None:
    """Write `state` to `folder` atomically. NotFiniteError, before writing, if a tensor is not finite."""
    check_finite(state, progress["step"])
    with atomic_folder(folder) as temporary:
        checksums = {}
        for stem, tensors in state.items():
            file = temporary / f"{stem}.safetensors"
            save_weights(file, tensors, spec)
            checksums[file.name] = _sha256(file)
        row = {"progress": progress, "sha256": checksums}
        text = json.dumps({**row, "seal": _seal(row)}, indent=2)
        (temporary / STATE_FILE).write_text(text, encoding="utf-8")


def load(folder: Path, stems: Iterable[str] | None = None, check: Check = no_check) -> Checkpoint:
    """Load the checkpoint in `folder` and verify its checksums.

    RequestError if it is damaged, WorkError if the system cannot read it.

    `stems`: names of the files to load; None: all of them (sampling needs only `ema`). `check`: see
    `load_weights`.
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
    """Read state.json and verify its own checksum. RequestError if it is damaged."""
    try:
        row: dict[str, Any] = read_json(folder / STATE_FILE)
        if row.pop("seal") != _seal(row):
            raise ValueError(f"{STATE_FILE} was altered")
        if not _is_valid_state(**row):
            raise ValueError(f"{STATE_FILE} holds invalid values")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise_if_unreadable(folder / STATE_FILE, error)
        raise RequestError(f"The checkpoint {folder} is damaged ({error}).") from error
    return row


def _is_valid_state(progress: Any, sha256: Any) -> bool:
    """Return whether the values are valid, and all file names stay inside the folder."""
    numbers = [type(value) in (int, float) and math.isfinite(value) for value in progress.values()]
    counts = [progress.get(name, 0) for name in ("step", "accumulate")]
    integers = all(type(count) is int and 0 <= count < 2**40 for count in counts)
    if not (
        all(numbers)
        and integers
        and "step" in progress
        and all(map(_TENSOR_FILE.fullmatch, sha256))
    ):
        return False
    return bool(0 < progress.get("rate", 1.0) <= 1 and progress.get("seconds", 0.0) >= 0)


def check_finite(state: State, step: int) -> None:
    """Raise NotFiniteError if a tensor holds NaN or infinity."""
    for stem, tensors in state.items():
        for name, tensor in tensors.items():
            if tensor.is_floating_point() and not torch.isfinite(tensor).all():
                found = message("not_finite_tensor", step=step, tensor=f"{stem}/{name}")
                raise NotFiniteError(found)


def steps_to_keep(steps: Iterable[int], *protected: int | None) -> set[int]:
    """Return the steps to keep: the last two, the last one of each power-of-two range, and `protected`."""
    ordered = sorted(steps)
    newest = set(ordered[-2:])
    by_octave = {step.bit_length(): step for step in ordered}
    return newest | set(by_octave.values()) | {step for step in ordered if step in protected}


def steps_kept_at_end(steps: Iterable[int]) -> set[int]:
    """Return the steps that remain at the end of a run that saves at `steps` and prunes each time."""
    remaining: set[int] = set()
    for step in steps:
        remaining = steps_to_keep({*remaining, step})
    return remaining


def prune(paths: Mapping[int, Path], *protected: int | None) -> None:
    """Delete the checkpoints (step → folder) that `steps_to_keep` does not keep."""
    for step in paths.keys() - steps_to_keep(paths, *protected):
        _delete(paths[step])


def delete_after(paths: Mapping[int, Path], step: int) -> None:
    """Delete the checkpoints after `step`, from which training resumes because they are damaged."""
    for later in paths:
        if later > step:
            _delete(paths[later])


def _delete(folder: Path) -> None:
    """Delete a checkpoint. It is renamed first, so that a killed process leaves no partial checkpoint."""
    renamed = folder.with_name(f"{TEMP_PREFIX}{folder.name}")
    with contextlib.suppress(OSError):
        folder.replace(renamed)
    shutil.rmtree(renamed, ignore_errors=True)


def _seal(row: dict[str, Any]) -> str:
    """Return a checksum of the values in state.json, which is stored in the file itself."""
    return hashlib.sha256(json.dumps(row, sort_keys=True).encode()).hexdigest()


def _is_intact(path: Path, expected: str) -> bool:
    """Return whether the file exists and has the expected checksum. WorkError if it cannot be read."""
    try:
        return _sha256(path) == expected
    except OSError as error:
        raise_if_unreadable(path, error)
        return False


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
