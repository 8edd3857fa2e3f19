"""Answers of the worker about models, samplers and runs."""

from __future__ import annotations

from typing import Any

from ddpm.commands.doctor.diagnose import diagnose
from ddpm.diffusion.samplers import SAMPLERS
from ddpm.documents.citations import SOURCES
from ddpm.models.fingerprint import weights_hash
from ddpm.studio.worker_tasks import Task


def list_samplers(task: Task) -> list[dict[str, Any]]:
    """Return a row for every sampler: name, paper, order and usual steps (None: all)."""
    return [
        {
            "name": name,
            "help": _first_sentence(row.run.__doc__),
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


def _first_sentence(text: str | None) -> str:
    """Return the first line of a docstring without its reference to the arguments."""
    return (text or "").strip().split("\n")[0].rstrip(".")
