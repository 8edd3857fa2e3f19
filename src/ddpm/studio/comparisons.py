"""Comparisons that the page asked for: folders of `ddpm compare`, read for the page."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ddpm.files import read_json, real_path
from ddpm.loading.bundled import BUNDLED
from ddpm.messages import sentence
from ddpm.runs import COMPARISON_FILE
from ddpm.studio.jobs import Job
from ddpm.studio.model_cards import ModelCard
from ddpm.studio.refusals import not_found
from ddpm.studio.trainings import STUDIO_FOLDER

INTERVAL = ("value", "low", "high")
_DIRECTIONS = {"lower": "low", "higher": "high"}
_PNG = b"\x89PNG\r\n\x1a\n"


class Comparisons:
    """The comparisons of one runs folder."""

    def __init__(self, runs: Path) -> None:
        self._folder = runs / STUDIO_FOLDER / "comparisons"

    def prepare(
        self, cards: Sequence[ModelCard], n: int | None
    ) -> tuple[Job, list[str], dict[str, Any]]:
        """Return the job of a comparison, its words after `ddpm`, and the result it will have."""
        id = secrets.token_hex(6)
        more = [] if n is None else ["-n", str(n)]
        words = [
            "compare",
            *(card.target for card in cards),
            "--out",
            str(self._folder / id),
            *more,
        ]
        names = ", ".join(
            card.target if card.id.startswith(BUNDLED) else card.name for card in cards
        )
        job = Job(
            "comparison", f"comparison of {names}", {"models": [card.id for card in cards], "n": n}
        )
        return job, words, {"comparison": id}

    def all(self) -> list[dict[str, Any]]:
        """Return a row for each comparison, the newest first."""
        paths = self._folder.glob(f"*/{COMPARISON_FILE}") if self._folder.is_dir() else ()
        found = sorted(paths, key=lambda path: -path.stat().st_mtime)
        rows = ((path, _read(path)) for path in found)
        return [
            {
                "id": path.parent.name,
                "models": [str(entry["label"]) for entry in comparison["entries"]],
                "n": comparison["entries"][0]["evaluation"]["n"],
                "created": path.stat().st_mtime,
            }
            for path, comparison in rows
            if comparison is not None
        ]

    def show(self, id: str) -> dict[str, Any]:
        """Return the table of a comparison. RefusalError (404) if there is none."""
        comparison = _read(self._path(id) / COMPARISON_FILE)
        if comparison is None:
            raise not_found("such comparison")
        labels = [str(entry["label"]) for entry in comparison["entries"]]
        return {
            "id": id,
            "models": [{"id": label, "name": label} for label in labels],
            "command": comparison.get("command", ""),
            "rows": [_row(verdict, comparison["entries"]) for verdict in comparison["verdicts"]],
            "pictures": [
                f"/api/comparisons/{id}/pictures/{name}" for name in comparison.get("figures", {})
            ],
        }

    def picture(self, id: str, name: str) -> bytes:
        """Return a figure of a comparison as PNG. RefusalError (404) if there is none."""
        path = self._path(id) / f"{name}.png"
        resolved = real_path(path)
        if not name.isalpha() or not resolved.is_relative_to(real_path(self._folder)):
            raise not_found("such picture")
        content = resolved.read_bytes() if resolved.is_file() else b""
        if not content.startswith(_PNG):
            raise not_found("such picture")
        return content

    def _path(self, id: str) -> Path:
        if not id.isalnum():
            raise not_found("such comparison")
        return self._folder / id


def _read(path: Path) -> dict[str, Any] | None:
    """Return the content of a comparison.json; None if it is missing or damaged."""
    try:
        found: dict[str, Any] = read_json(path)
        for entry in found["entries"]:
            entry["label"], entry["evaluation"]["n"]  # raises if one is missing
        return found if found["entries"] and found["verdicts"] is not None else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _row(verdict: dict[str, Any], entries: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return a metric's row of the table: value, interval and ratio of each entry, floor and verdict."""
    metric = verdict["metric"]
    pairs = zip(verdict["values"], entries, strict=True)
    return {
        "name": metric,
        "label": verdict["label"],
        "better": _DIRECTIONS.get(verdict["better"], verdict["better"]),
        "values": [
            {**{key: score.get(key) for key in INTERVAL}, "ratio": _ratio(entry, metric)}
            for score, entry in pairs
        ],
        "floor": verdict.get("floor"),
        "verdict": sentence(verdict["verdict"]),
    }


def _ratio(entry: dict[str, Any], metric: str) -> float | None:
    """Return the ratio of an entry's distance to the floor; None if the metric has none."""
    rows = entry["evaluation"].get("rows", [])
    found: float | None = next((row.get("ratio") for row in rows if row["metric"] == metric), None)
    return found
