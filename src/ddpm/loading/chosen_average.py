"""Chosen average: the averaged weights that a run samples with after `ddpm ema --apply`.

It is saved beside the checkpoints, which it does not change.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ddpm.errors import RequestError
from ddpm.files import atomic_folder, read_json, write_json
from ddpm.models.registry import check_weights
from ddpm.models.spec import ModelSpec
from ddpm.runs import RunFolder
from ddpm.terminal import print_line
from ddpm.training.checkpoint import load_weights, save_weights


@dataclass(frozen=True)
class ChosenAverage:
    """Averaged weights, and the length σ_rel of the average (Karras et al. 2024, arXiv:2312.02696)."""

    tensors: dict[str, Tensor]
    length: float


def save_average(
    run: RunFolder, average: ChosenAverage, spec: ModelSpec, step: int, reason: dict[str, Any]
) -> None:
    """Save `average`, chosen at checkpoint `step` for `reason`, as the weights that `run` samples with."""
    choice = {"length": average.length, "step": step, **reason}
    with atomic_folder(run.average) as folder:
        save_weights(folder / run.average_weights.name, average.tensors, spec)
        write_json(folder / run.average_choice.name, choice)


def load_average(run: RunFolder, step: int) -> ChosenAverage | None:
    """Return the average chosen for the checkpoint of `step`; None if there is none.

    An average chosen for an earlier step is not used; a message says so. RequestError if it is damaged.
    """
    if not run.average.is_dir():
        return None
    try:
        choice = read_json(run.average_choice)
        length, chosen_at = float(choice["length"]), int(choice["step"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RequestError(
            f"{run.average_choice} cannot be read ({error}). Return to the run's own average with: "
            f"ddpm ema {run.root} --undo"
        ) from error
    if chosen_at != step:
        print_line(
            f"The average was chosen at step {chosen_at}, but the newest checkpoint is of step {step}; "
            f"sampling with the run's own average. Choose again with: ddpm ema {run.root} --apply"
        )
        return None
    return ChosenAverage(load_weights(run.average_weights, check_weights)[0], length)


def delete_average(run: RunFolder) -> bool:
    """Delete the chosen average and return whether there was one. `run` then samples with its own average."""
    found = run.average.is_dir()
    shutil.rmtree(run.average, ignore_errors=True)
    return found
