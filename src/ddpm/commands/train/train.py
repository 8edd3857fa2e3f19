"""`ddpm train`: train a configuration into a run folder, or resume the run in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ddpm.commands.request_fields import to_path
from ddpm.commands.train.session import Session, open_session
from ddpm.config import Config, check_config
from ddpm.device import deterministic_algorithms
from ddpm.distributed import process_group
from ddpm.runs import RunFolder
from ddpm.terminal import print_line
from ddpm.training import loop
from ddpm.training.faults import StepError
from ddpm.training.interrupt import Interrupt
from ddpm.training.recovery import explained_errors


@dataclass(frozen=True)
class Outcome:
    """Result of training: run folder, last step, total steps, and exit status (0; 130 or 143 if stopped)."""

    run: RunFolder
    step: int
    steps: int
    exit_status: int


def train(
    config: Config,
    out: Path | str,
    *,
    init: str | None = None,
    device: str = "auto",
    shard: bool = False,
) -> Outcome:
    """Train `config` into the run folder `out`, or resume the run in it.

    Several processes (torchrun) divide each batch among them; with `shard` they also divide the weights.
    RequestError if the arguments do not fit the run or another process trains in `out`. WorkError if the
    training diverges or memory or disk space runs out.

    >>> tiny = ["network.channels=8", "network.attention=[]", "training.steps=2"]
    >>> config = ddpm.with_overrides(ddpm.get_preset("digits").config, tiny)
    >>> ddpm.train(config, Path("runs/tiny")).step
    2
    """
    check_config(config)
    out = to_path("out", out)
    run = RunFolder(out)
    with process_group(), open_session(config, run, init, device, shard) as session:
        session.compute_total()
        session.restore()
        step, steps = session.start.step, session.steps
        if step >= steps:
            print_line(f"{out} is finished: {step} steps. To continue, pass a larger total.")
            session.draw_missing_pictures()
            return Outcome(run, step, steps, 0)
        with explained_errors(run):
            session.write_settings()
            with deterministic_algorithms(), Interrupt() as interrupt:
                step = _train_steps(session, interrupt)
        if interrupt.signal is not None and step < steps:
            print_line(f"Saved at step {step} of {steps}. Run the same command again to continue.")
            return Outcome(run, step, steps, interrupt.exit_status)
        session.draw_pictures()
        return Outcome(run, step, steps, 0)


def _train_steps(session: Session, interrupt: Interrupt) -> int:
    """Train to the total or to an interrupt, and return the last step. Recover from failed steps."""
    while True:
        try:
            with session.attempt():
                start = session.start
                return loop.train(session, interrupt, start=start.step, seconds=start.seconds)
        except StepError as error:
            fault = error.with_traceback(None)  # a traceback would keep the step's tensors
        session.recover(fault)
