"""Summary of a run from its files: training time, steps, images, parameters and machine."""

from __future__ import annotations

from typing import Any

from ddpm.config import load_config
from ddpm.runs import RunFolder, read_metrics


def run_summary(run: RunFolder) -> dict[str, Any]:
    """Return the entry `run` of comparison.json. A value is None if the run did not record it.

    `minutes` is the training time from the log, and `images_seen` the sum of its batches.
    """
    config, environment = load_config(run.config), run.load_environment()
    step_rows = [row for row in read_metrics(run.metrics) if "batch" in row]
    seconds = step_rows[-1].get("seconds") if step_rows else None
    return {
        "path": str(run.root),
        "preset": config.preset,
        "model": config.model,
        "parameters": environment.get("parameters"),
        "minutes": None if seconds is None else round(seconds / 60, 4),
        "steps": step_rows[-1]["step"] if step_rows else None,
        "images_seen": sum(row["batch"] for row in step_rows) if step_rows else None,
        "batch_size": config.training.batch_size,
        "precision": environment.get("precision"),
        "device": environment.get("device"),
        "threads": environment.get("threads"),
    }
