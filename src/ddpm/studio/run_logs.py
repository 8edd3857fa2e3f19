"""Logs of runs, read further as they grow."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ddpm.messages import warning_text
from ddpm.runs import RunFolder, read_new_metrics

Row = dict[str, Any]
KEPT_LOGS = 8
CARD_POINTS = 60  # of the loss on a card
LEVEL_NAMES = ("little noise", "some noise", "much noise", "almost only noise")  # bands of the loss
SPEED_STEPS = 50  # newest steps that tell the speed


@dataclass
class RunLog:
    """The rows of one metrics.jsonl so far."""

    path: Path
    rows: list[Row] = field(default_factory=list)
    offset: int = 0
    inode: int | None = None

    def refresh(self) -> None:
        """Read what was appended; everything, if the file was replaced (as a resumed run does)."""
        try:
            found = os.stat(self.path)
        except OSError:
            self.rows, self.offset, self.inode = [], 0, None
            return
        if found.st_ino != self.inode or found.st_size < self.offset:
            self.rows, self.offset, self.inode = [], 0, found.st_ino
        if found.st_size > self.offset:
            rows, self.offset = read_new_metrics(self.path, self.offset)
            self.rows = [*self.rows, *rows]


class RunLogs:
    """The logs that were read last."""

    def __init__(self) -> None:
        self._logs: OrderedDict[Path, RunLog] = OrderedDict()
        self._lock = threading.Lock()

    def rows(self, run: RunFolder) -> list[Row]:
        """Return the rows of a run's log so far."""
        with self._lock:
            log = self._logs.pop(run.metrics, None) or RunLog(run.metrics)
            self._logs[run.metrics] = log
            while len(self._logs) > KEPT_LOGS:
                self._logs.popitem(last=False)
            log.refresh()
            return log.rows


def step_rows(rows: list[Row]) -> list[Row]:
    """Return the rows of training steps, without held-out losses, epoch means and warnings."""
    return [row for row in rows if "batch" in row]


def loss_name(rows: list[Row]) -> str | None:
    """Return the name of the main loss in rows of steps; None without rows."""
    return next((name for row in rows[:1] for name in row if name.endswith("loss")), None)


def loss_points(rows: list[Row], count: int = CARD_POINTS) -> list[tuple[int, float]]:
    """Return at most `count` points (step, mean loss), each over an equal share of the steps."""
    steps = step_rows(rows)
    name = loss_name(steps)
    if name is None:
        return []
    size = -(-len(steps) // count)
    blocks = [steps[i : i + size] for i in range(0, len(steps), size)]
    return [(block[-1]["step"], sum(row[name] for row in block) / len(block)) for block in blocks]


def images_per_second(rows: list[Row]) -> float | None:
    """Return the training speed over the newest steps; None if they do not tell it."""
    newest = step_rows(rows[-4 * SPEED_STEPS :])[-SPEED_STEPS:]
    timed = [row for row in newest if "seconds" in row]
    if len(timed) < 2 or timed[-1]["seconds"] <= timed[0]["seconds"]:
        return None
    images = sum(row["batch"] for row in timed[1:])
    speed: float = images / (timed[-1]["seconds"] - timed[0]["seconds"])
    return speed


def log_columns(rows: list[Row], after: int) -> dict[str, Any]:
    """Return the rows after a step as columns: losses by step, by noise level, and on held-out images."""
    new = [row for row in rows if row["step"] > after]
    steps = step_rows(new)
    name = loss_name(steps) or "loss"
    others = [key for key in (steps[0] if steps else {}) if key.endswith("loss") and key != name]
    return {
        "steps": [row["step"] for row in steps],
        "loss_name": name,
        "loss": [row.get(name) for row in steps],
        "others": {key: [row.get(key) for row in steps] for key in others},
        "by_level": {"names": list(LEVEL_NAMES), "rows": [row.get("loss_levels") for row in steps]},
        "heldout": [
            [row["step"], row[key]] for row in new for key in row if key == f"heldout_{name}"
        ],
        "warnings": [
            {"step": row["step"], "sentence": warning_text(row["warning"])}
            for row in new
            if "warning" in row
        ],
    }
