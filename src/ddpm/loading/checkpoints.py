"""Checkpoints of a run: find the newest one that is intact, and load it into a model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ddpm.config import Config
from ddpm.errors import RequestError
from ddpm.models.base import GenerativeModel
from ddpm.models.registry import check_weights
from ddpm.optim.state import State
from ddpm.runs import RunFolder
from ddpm.terminal import print_line
from ddpm.training.checkpoint import Checkpoint, check_finite, load
from ddpm.training.faults import NotFiniteError
from ddpm.training.recovery import Adjustments, StartPoint


def newest_checkpoint(run: RunFolder, stems: tuple[str, ...] | None = None) -> Checkpoint | None:
    """Return the newest intact checkpoint, or None if the run has no checkpoint yet.

    Print which damaged checkpoints were skipped. `stems`: the files to load (None: all of them).
    RequestError if every checkpoint is damaged.
    """
    steps = run.checkpoint_steps()
    for step in reversed(steps):
        try:
            return load_checkpoint(run, step, stems)
        except RequestError as error:
            print_line(
                str(error) if step == steps[0] else f"{error} Using the previous checkpoint."
            )
    if steps:
        raise RequestError(
            f"All checkpoints of {run.root} are damaged. Train again with another --out."
        )
    return None


def check_finite_weights(state: State, step: int, origin: Path) -> None:
    """Raise RequestError if a weight is NaN or infinite. Training never saves such weights."""
    try:
        check_finite(state, step)
    except NotFiniteError as error:
        raise RequestError(f"{origin} cannot be used. {error}") from error


def load_into(model: GenerativeModel, state: State, origin: Path | str) -> None:
    """Load `state` into `model`. RequestError if it belongs to another network."""
    try:
        model.load_state(state)
    except (RuntimeError, KeyError) as error:
        raise RequestError(
            f"The weights of {origin} belong to another network. Use the model, network.*, gan.* and "
            "data settings that they were trained with."
        ) from error


def restore_last_good(
    run: RunFolder,
    model: GenerativeModel,
    config: Config,
    make_initial_model: Callable[[], GenerativeModel],
    adjustments: Adjustments,
) -> StartPoint:
    """Load the newest intact checkpoint into `model`, or the initial state if there is none.

    `config` with `adjustments` becomes the model's configuration. Returns the new starting point.
    """
    found = newest_checkpoint(run)
    state = {**make_initial_model().state(), "optimizer": {}} if found is None else found.state
    load_into(model, state, run.root)
    model.set_total_steps(adjustments.applied(config))
    return StartPoint.at(found, adjustments)


def load_checkpoint(run: RunFolder, step: int, stems: tuple[str, ...] | None) -> Checkpoint:
    """Load a checkpoint. RequestError if it is damaged or not finite."""
    folder = run.checkpoint(step)
    found = load(folder, stems, check_weights)
    if found.progress["step"] != step:
        raise RequestError(
            f"The checkpoint {folder} is damaged: its state is of step {found.progress['step']}."
        )
    check_finite_weights(found.state, step, folder)
    return found
