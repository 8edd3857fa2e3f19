"""The average that a run draws with once `ddpm ema --apply` chose it. Its checkpoints stay as they are."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ddpm.errors import RequestError
from ddpm.files import replacing_folder
from ddpm.models.registry import check_weights
from ddpm.models.spec import ModelSpec
from ddpm.runs import RunFolder
from ddpm.terminal import say
from ddpm.training.checkpoint import load_weights, save_weights


@dataclass(frozen=True)
class ChosenAverage:
    """Weights to draw with, and the length σ_rel of the average they are."""

    tensors: dict[str, Tensor]
    length: float


def save_average(
    run: RunFolder, average: ChosenAverage, spec: ModelSpec, step: int, why: dict[str, Any]
) -> None:
    """Make `run`, whose newest checkpoint is that of `step`, draw with `average`; `why` is kept beside it."""
    choice = {"length": average.length, "step": step, **why}
    with replacing_folder(run.average) as folder:
        save_weights(folder / run.average_weights.name, average.tensors, spec)
        text = json.dumps(choice, indent=2, ensure_ascii=False) + "\n"
        (folder / run.average_choice.name).write_text(text, encoding="utf-8")


def load_average(run: RunFolder, step: int) -> ChosenAverage | None:
    """What `run` is to draw with at `step`; None where nothing was chosen, or before it was trained on."""
    if not run.average.is_dir():
        return None
    try:
        choice = json.loads(run.average_choice.read_text(encoding="utf-8"))
        length, chosen_at = float(choice["length"]), int(choice["step"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RequestError(
            f"{run.average_choice} cannot be read ({error}); go back to the run's own average with: "
            f"ddpm ema {run.root} --undo."
        ) from error
    if chosen_at != step:
        say(
            f"The average that was chosen at step {chosen_at} is not that of step {step}; drawing with the "
            f"run's own. Choose anew with: ddpm ema {run.root} --apply"
        )
        return None
    return ChosenAverage(load_weights(run.average_weights, check_weights)[0], length)


def delete_average(run: RunFolder) -> bool:
    """Let `run` draw with its newest checkpoint again; False where it did already."""
    found = run.average.is_dir()
    shutil.rmtree(run.average, ignore_errors=True)
    return found
