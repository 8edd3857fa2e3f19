"""loading.checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ddpm.config import Config
from ddpm.errors import RequestError
from ddpm.models.base import GenerativeModel
from ddpm.models.registry import check_weights
from ddpm.optim.state import State
from ddpm.runs import RunFolder
from ddpm.terminal import say
from ddpm.training.checkpoint import Checkpoint, check_finite, load
from ddpm.training.faults import NotFiniteError
from ddpm.training.recovery import Adjustments, StartPoint


def check_finite_weights(state: State, step: int, origin: Path) -> None:
    """RequestError where a weight is NaN or infinite, which no training of ours ever saves."""
    try:
        check_finite(state, step)
    except NotFiniteError as error:
        raise RequestError(f"{origin} cannot be used. {error}") from error


def load_into(model: GenerativeModel, state: State, origin: Path | str) -> None:
    """Give `model` the weights; RequestError where they are those of another network."""
    try:
        model.load_state(state)
    except (RuntimeError, KeyError) as error:
        raise RequestError(
            f"The weights of {origin} are those of another network; use the same model, network.*, "
            "gan.* and data settings as the run they come from."
        ) from error


def newest_checkpoint(run: RunFolder, stems: tuple[str, ...] | None = None) -> Checkpoint | None:
    """The newest checkpoint that is whole; a damaged one is named and passed over. None: none yet."""
    steps = run.checkpoint_steps()
    for step in reversed(steps):
        try:
            found = load(run.checkpoint(step), stems, check_weights)
            if found.progress["step"] != step:
                raise RequestError(
                    f"The checkpoint {run.checkpoint(step)} is damaged: it says that it is of step "
                    f"{found.progress['step']}."
                )
            check_finite_weights(found.state, step, run.checkpoint(step))
            return found
        except RequestError as error:
            say(f"{error} Going back to the one before." if step != steps[0] else str(error))
    if steps:
        raise RequestError(f"No checkpoint of {run.root} is whole; train again with another --out.")
    return None


def restore_last_good(
    run: RunFolder,
    model: GenerativeModel,
    config: Config,
    untrained: Callable[[], GenerativeModel],
    mends: Adjustments,
) -> StartPoint:
    """Give `model` the newest whole checkpoint, or where there is none yet the state of one `untrained`."""
    found = newest_checkpoint(run)
    state = {**untrained().state(), "optimizer": {}} if found is None else found.state
    load_into(model, state, run.root)
    model.set_total(mends.applied(config))
    return StartPoint.at(found, mends)
