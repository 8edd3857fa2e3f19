"""Cards of runs: where each stands, for the first screen and for the page of one run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ddpm.config import Config, load_config
from ddpm.errors import RequestError
from ddpm.quantities import format_duration
from ddpm.runs import RunFolder
from ddpm.studio.run_index import RunIndex, run_id, shown_name
from ddpm.studio.run_logs import RunLogs, images_per_second, loss_points, step_rows
from ddpm.studio.trainings import Trainings

Card = dict[str, Any]


class RunCards:
    """Cards of the runs of one folder."""

    def __init__(self, runs: RunIndex, logs: RunLogs, trainings: Trainings) -> None:
        self.runs, self.logs, self.trainings = runs, logs, trainings

    def all(self) -> list[Card]:
        """Return a card for every run, for trainings that are starting, and for those that failed to."""
        return [
            *(self.card(id, run) for id, run in self.runs.runs().items()),
            *self.unborn(),
        ]

    def trainings_now(self) -> list[Card]:
        """Return the runs that are being trained, as rows of a list of jobs."""
        return [
            {
                "id": card["id"],
                "kind": "training",
                "title": f"training {card['name']}",
                "state": "running",
                "run": card["id"],
                "progress": card["step"] / card["steps"] if card["steps"] else None,
                "seconds_left": card["seconds_left"],
            }
            for card in self.all()
            if card["state"] == "training"
        ]

    def unborn(self) -> list[Card]:
        """Return cards of trainings that have not written a configuration: starting, or failed."""
        return [
            *(self._blank(run, "training", STARTING) for run in self.trainings.starting()),
            *(
                self._blank(run, "failed", sentence)
                for run, sentence in self.trainings.failed_starts()
            ),
        ]

    def card(self, id: str, run: RunFolder) -> Card:
        """Return the card of a run."""
        try:
            config = load_config(run.config)
        except RequestError as error:
            return self._blank(run, "failed", str(error))
        rows = self.logs.rows(run)
        step, steps = self._step(run, rows), config.training.steps
        is_training = self.trainings.is_running(run)
        is_starting = is_training and _is_starting(run)
        speed = images_per_second(rows) if is_training and not is_starting else None
        left = _seconds_left(config, step, speed)
        state, sentence = self._state(run, step, steps, is_training, left)
        sentence = STARTING if is_starting else sentence
        return {
            **self._blank(run, state, sentence),
            "preset": config.preset,
            "family": config.model,
            "step": step,
            "steps": steps,
            "images_per_second": speed,
            "seconds_left": left,
            "loss": loss_points(rows),
            "preview": self._preview(id, run, is_training),
        }

    def is_training(self) -> bool:
        """Return whether any run is being trained."""
        return any(map(self.trainings.is_running, self.runs.runs().values()))

    def _blank(self, run: RunFolder, state: str, sentence: str) -> Card:
        return {
            "id": run_id(run.root.name),
            "name": shown_name(run),
            "state": state,
            "sentence": sentence,
            "preset": None,
            "family": None,
            "step": 0,
            "steps": 0,
            "images_per_second": None,
            "seconds_left": None,
            "loss": [],
            "preview": None,
        }

    def _step(self, run: RunFolder, rows: list[dict[str, Any]]) -> int:
        """Return the last step in the log or among the checkpoints."""
        logged = step_rows(rows[-8:])[-1:]
        saved = run.checkpoint_steps()[-1:]
        return max([row["step"] for row in logged] + saved, default=0)

    def _state(
        self, run: RunFolder, step: int, steps: int, is_training: bool, left: float | None
    ) -> tuple[str, str]:
        """Return the state and its sentence."""
        if is_training and step >= steps:
            return "training", "Drawing the final pictures"
        if is_training:
            return "training", STARTING if left is None else f"About {format_duration(left)} left"
        if (failure := self.trainings.failure(run)) is not None:
            return "failed", failure
        saved = run.checkpoint_steps()[-1:]
        if saved and saved[0] >= steps:
            return "finished", f"Finished: {steps} steps"
        if saved:
            return "stopped", f"Stopped; saved at step {saved[0]} of {steps}"
        return "stopped", "Stopped before its first checkpoint"

    def _preview(self, id: str, run: RunFolder, is_training: bool) -> str | None:
        """Return the address of the newest picture of the run; None if there is none yet."""
        steps = preview_steps(run)
        if run.sample_grid.is_file() and not (is_training and steps):
            return f"/api/runs/{id}/pictures/samples?v={_stamp(run.sample_grid)}"
        return f"/api/runs/{id}/previews/{steps[-1]}.png" if steps else None


STARTING = "Starting: reading the images and timing the first steps"


def _is_starting(run: RunFolder) -> bool:
    """Return whether the process that trains the run has logged no step yet."""
    try:
        return run.metrics.stat().st_mtime_ns < run.lock.stat().st_mtime_ns
    except OSError:  # no log yet, or the process has not locked the run yet
        return True


def preview_steps(run: RunFolder) -> list[int]:
    """Return the steps that have a preview, ascending."""
    names = [path.stem for path in run.previews.glob("*.png")] if run.previews.is_dir() else []
    numbers = [name.rpartition("-")[2] for name in names]
    steps = sorted(int(number) for number in numbers if number.isdecimal())
    return [step for step in steps if run.preview(step).is_file()]


def _seconds_left(config: Config, step: int, speed: float | None) -> float | None:
    training = config.training
    if not speed:
        return None
    return max(0, training.steps - step) * training.batch_size / speed


def _stamp(path: Path) -> int:
    return int(path.stat().st_mtime)
