"""The page of one run: its card, settings, scores, findings, commands and pictures."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ddpm.commands.options import command_line
from ddpm.commands.report.reproduce import evaluate_command, sample_command, train_command
from ddpm.config import Config, differing_keys, get_value, load_config
from ddpm.errors import RequestError
from ddpm.files import read_json
from ddpm.messages import sentence
from ddpm.presets import PRESETS
from ddpm.runs import RunFolder
from ddpm.studio.model_cards import RUN, ModelCards
from ddpm.studio.run_cards import RunCards, preview_steps
from ddpm.studio.worker_link import WorkerLink
from ddpm.terminal import escape


class RunPages:
    """Pages of the runs of one folder."""

    def __init__(self, cards: RunCards, models: ModelCards, worker: WorkerLink) -> None:
        self._cards, self._models, self._worker = cards, models, worker
        self._findings: dict[str, tuple[Any, list[dict[str, str]]]] = {}  # by id, with their stamp

    def page(self, id: str) -> dict[str, Any]:
        """Return all about the run `id`, but for the doctor's findings. RefusalError (404): no such run."""
        return self._page(id, self._cards.runs.get(id))

    async def findings(self, id: str) -> list[dict[str, str]]:
        """Return the doctor's findings, asked again once the run has another checkpoint or preview."""
        run = await asyncio.to_thread(self._cards.runs.get, id)
        stamp = await asyncio.to_thread(_stamp, run)
        if self._findings.get(id, (None,))[0] != stamp:
            findings = await self._worker.ask("doctor", target=str(run.root))
            self._findings[id] = (stamp, findings)
        return self._findings[id][1]

    def _page(self, id: str, run: RunFolder) -> dict[str, Any]:
        card = self._cards.card(id, run)
        try:
            config = load_config(run.config)
        except RequestError:
            return {**card, **_EMPTY}
        has_checkpoint = bool(run.checkpoint_steps())
        model = self._models.find(RUN + id)
        is_training = card["state"] == "training"
        pictures = {"loss": run.loss_plot, "samples": run.sample_grid, "denoising": run.denoising}
        return {
            **card,
            "settings": _settings(config),
            "scores": _scores(run.evaluation),
            "commands": _commands(run, config),
            "previews": [
                {"step": step, "url": f"/api/runs/{id}/previews/{step}.png"}
                for step in preview_steps(run)
            ],
            "pictures": {
                name: f"/api/runs/{id}/pictures/{name}?v={int(path.stat().st_mtime)}"
                for name, path in pictures.items()
                if path.is_file()
            },
            "classes": model and model.row()["classes"],
            "model": model and model.id,
            "data": _data(run, config),
            "can": {
                "stop": is_training,
                "resume": not is_training and card["state"] != "finished",
                "extend": not is_training and not config.family.has_teacher,
                "evaluate": has_checkpoint and not is_training,
                "sample": has_checkpoint,
            },
            "output": self._cards.trainings.output(run)[-4000:],
        }


def _stamp(run: RunFolder) -> tuple[Any, ...]:
    """Return a value that changes with what the doctor looks at, but not with every step."""
    load_config(run.config)  # raises: a damaged configuration has no findings
    return run.config.stat().st_mtime_ns, run.checkpoint_steps(), preview_steps(run)


_EMPTY: dict[str, Any] = {
    "settings": [],
    "scores": [],
    "commands": [],
    "previews": [],
    "pictures": {},
    "classes": None,
    "model": None,
    "data": {},
    "can": dict.fromkeys(("stop", "resume", "extend", "evaluate", "sample"), False),
    "output": "",
}


def _settings(config: Config) -> list[dict[str, Any]]:
    """Return the settings that differ from the preset's."""
    preset = PRESETS.get(config.preset)
    base = preset.config_for(config.scale) if preset else Config()
    keys = [key for key in differing_keys(base, config) if key not in ("preset", "scale")]
    return [
        {"key": key, "value": get_value(config, key), "preset": get_value(base, key)}
        for key in keys
    ]


def _scores(path: Path) -> list[dict[str, Any]]:
    """Return the scores of an evaluation.json, with floor, ratio and interval; [] without one."""
    try:
        rows = read_json(path)["rows"]
        return [_score(row) for row in rows]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []


def _score(row: dict[str, Any]) -> dict[str, Any]:
    names = ("label", "better", "value", "low", "high", "floor", "ratio", "n")
    notes = [sentence(note) for note in row.get("notes") or []]
    return {"name": str(row["metric"]), **{name: row.get(name) for name in names}, "notes": notes}


def _commands(run: RunFolder, config: Config) -> list[str]:
    """Return the commands that train, draw from, measure and check the run, as printable text."""
    init = run.load_environment().get("init")
    lines = [
        train_command(run.root, config, init),
        sample_command(run.root, gif=config.has_reverse_process),
        evaluate_command(run.root),
        command_line("doctor", SimpleNamespace(target=run.root)),
    ]
    return [escape(line, "\n\t") for line in lines]


def _data(run: RunFolder, config: Config) -> dict[str, Any]:
    """Return what the run was trained on: counts of its images."""
    data = run.load_environment().get("data", {})
    names = ("used", "held_out", "duplicate", "broken", "size", "channels")
    return {"path": escape(config.data.path), **{name: data.get(name) for name in names}}
