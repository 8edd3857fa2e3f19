"""Answers of the worker about models, samplers and runs."""

from __future__ import annotations

from typing import Any

from ddpm.commands.doctor.diagnose import diagnose
from ddpm.diffusion.samplers import SAMPLERS, Sampler
from ddpm.documents.citations import SOURCES
from ddpm.models.fingerprint import weights_hash
from ddpm.studio.worker_tasks import Task


def list_samplers(task: Task) -> list[dict[str, Any]]:
    """Return a row for every sampler: name, a line about it, paper, order and usual steps (None: all)."""
    return [
        {
            "name": name,
            "help": _help(row),
            "paper": SOURCES[row.source].line,
            "order": row.order,
            "steps": row.default_steps,
        }
        for name, row in SAMPLERS.items()
    ]


def find_weights(task: Task) -> str | None:
    """Return the first of the targets whose averaged weights have the hash; None if none has."""
    for target in task.arguments["targets"]:
        task.check()
        try:
            if weights_hash(task.shelf.open(target).model) == task.arguments["hash"]:
                found: str = target
                return found
        except (ValueError, RuntimeError, OSError):  # a run without a checkpoint, or a damaged one
            continue
    return None


def diagnose_run(task: Task) -> list[dict[str, str]]:
    """Return the doctor's findings about a run."""
    findings = diagnose(task.arguments["target"]).findings
    return [
        {"severity": f.severity, "sentence": f.problem, "fix": f.fix, "why": f.reason}
        for f in findings
    ]


def _help(row: Sampler) -> str:
    """Return `Order 2, usually 20 steps; Lu et al. 2022.`"""
    source = SOURCES[row.source]
    first, *others = source.authors.split(", ")
    surname = first.partition(" ")[2]
    steps = (
        "all steps of the schedule" if row.default_steps is None else f"{row.default_steps} steps"
    )
    return f"Order {row.order}, usually {steps}; {surname}{' et al.' * bool(others)} {source.year}."
