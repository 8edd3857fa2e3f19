"""Points of the sampler lab, read while `ddpm sampler-lab` measures them and once it is done."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ddpm.files import read_json
from ddpm.runs import RunFolder
from ddpm.studio.jobs import Job
from ddpm.studio.model_cards import RUN, ModelCard
from ddpm.studio.run_index import run_id
from ddpm.studio.trainings import STUDIO_FOLDER

Point = dict[str, Any]


class LabPoints:
    """The labs of one runs folder. A run's results are in its folder, those of weights beside the runs."""

    def __init__(self, runs: Path) -> None:
        self._folder = runs / STUDIO_FOLDER / "lab"

    def words(
        self, card: ModelCard, n: int, samplers: Sequence[str], evaluations: Sequence[int]
    ) -> list[str]:
        """Return the words after `ddpm` that measure a model. The run's default settings stay."""
        words = ["sampler-lab", card.target, "-n", str(n), "--keep"]
        words += ["--samplers", ",".join(samplers)] if samplers else []
        words += ["--evaluations", ",".join(map(str, evaluations))] if evaluations else []
        return words if card.id.startswith(RUN) else [*words, "--out", str(self._place(card).root)]

    def show(self, card: ModelCard, job: Job | None) -> dict[str, Any]:
        """Return the points of a model; while `job` measures, those that it has so far."""
        place = self._place(card)
        if job is not None:
            points = _measured_points(place.sampler_lab_points, job.created)
            shown: dict[str, Any] = {"metric": None, "n": job.request["n"], "floor": None}
        else:
            points, shown = _finished_points(place.sampler_lab)
        return {**shown, "points": _with_frontier(points), "running": job and job.id}

    def _place(self, card: ModelCard) -> RunFolder:
        return RunFolder(
            Path(card.target) if card.id.startswith(RUN) else self._folder / run_id(card.name)
        )


def _finished_points(path: Path) -> tuple[list[Point], dict[str, Any]]:
    """Return the points and the facts of a sampler-lab.json; none if it is missing or damaged."""
    try:
        lab = read_json(path)
        points = [
            {**_point(row, row), "chosen": index == lab["recommended"]}
            for index, row in enumerate(lab["points"])
        ]
        n = lab["seeds"][1] - lab["seeds"][0] + 1
        return points, {"metric": lab["label"], "n": n, "floor": lab["floor"]["value"]}
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return [], {"metric": None, "n": None, "floor": None}


def _measured_points(folder: Path, since: float) -> list[Point]:
    """Return the points whose records were written after `since`, without intervals yet."""
    paths = sorted(folder.glob("*.json")) if folder.is_dir() else []
    points = []
    for path in paths:
        try:
            if path.stat().st_mtime >= since:
                record = read_json(path)
                value = record["replicates"][0]
                points.append(_point({**record, **record["settings"], "value": value}, {}))
        except (OSError, ValueError, KeyError, TypeError, IndexError):
            continue  # being written
    return points


def _point(row: dict[str, Any], interval: dict[str, Any]) -> Point:
    return {
        "sampler": row["sampler"],
        "steps": row["steps"],
        "evaluations": row["evaluations"],
        "seconds": row["seconds_per_image"],
        "value": row["value"],
        "low": interval.get("low"),
        "high": interval.get("high"),
        "chosen": False,
    }


def _with_frontier(points: list[Point]) -> list[Point]:
    """Return the points with `frontier`: no other point is as fast and better."""

    def is_beaten(point: Point) -> bool:
        return any(
            other["seconds"] <= point["seconds"] and other["value"] < point["value"]
            for other in points
        )

    return [{**point, "frontier": not is_beaten(point)} for point in points]
