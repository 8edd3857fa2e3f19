"""Points of the sampler lab, before and after it is done."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ddpm.runs import RunFolder
from ddpm.studio.jobs import Job
from ddpm.studio.services import Services

AddRun = Callable[..., Path]


def point(sampler: str, seconds: float, value: float) -> dict[str, Any]:
    return {
        "sampler": sampler, "steps": 5, "evaluations": 5, "seconds_per_image": seconds, "value": value,
        "low": value - 1, "high": value + 1,
    }  # fmt: skip


def test_a_model_without_a_lab_has_no_points(services: Services) -> None:
    card = services.models.get("bundled:mnist")
    found = services.lab.show(card, None)
    assert found == {"metric": None, "n": None, "floor": None, "points": [], "running": None}


def test_words_keep_the_default_of_a_run_and_write_beside_weights(
    services: Services, add_run: AddRun, runs: Path
) -> None:
    root = str(add_run("a"))
    words = services.lab.words(services.models.get("run:a"), 50, ["ddim", "heun"], [4, 8])
    assert words == [
        "sampler-lab", root, "-n", "50", "--keep", "--samplers", "ddim,heun", "--evaluations", "4,8",
    ]  # fmt: skip
    words = services.lab.words(services.models.get("bundled:mnist"), 50, [], [])
    assert words[-2:] == ["--out", str(runs / ".studio" / "lab" / "mnist")]


def test_points_of_a_finished_lab(services: Services, add_run: AddRun) -> None:
    run = RunFolder(add_run("a"))
    rows = [point("ddim", 1.0, 9.0), point("heun", 2.0, 5.0), point("unipc", 3.0, 7.0)]
    lab = {
        "points": rows,
        "recommended": 1,
        "seeds": [0, 49],
        "label": "FD",
        "floor": {"value": 2.0},
    }
    run.sampler_lab.write_text(json.dumps(lab), "utf-8")
    found = services.lab.show(services.models.get("run:a"), None)
    assert (found["metric"], found["n"], found["floor"]) == ("FD", 50, 2.0)
    assert [row["frontier"] for row in found["points"]] == [True, True, False]
    assert [row["chosen"] for row in found["points"]] == [False, True, False]
    assert (found["points"][0]["low"], found["points"][0]["high"]) == (8.0, 10.0)


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"points": [{}], "recommended": 0}'])
def test_a_damaged_lab_is_none(content: str, services: Services, add_run: AddRun) -> None:
    RunFolder(add_run("a")).sampler_lab.write_text(content, "utf-8")
    assert services.lab.show(services.models.get("run:a"), None)["points"] == []


def test_points_of_a_running_lab_are_its_records(services: Services, add_run: AddRun) -> None:
    run = RunFolder(add_run("a"))
    run.sampler_lab_points.mkdir()
    record = {
        "settings": {"sampler": "ddim", "steps": 5},
        "evaluations": 5,
        "seconds_per_image": 0.1,
    }
    for name, content in (
        ("ddim-5-x.json", json.dumps({**record, "replicates": [3.5, 4.0]})),
        ("damaged.json", "{"),
        ("other.json", "{}"),
    ):
        (run.sampler_lab_points / name).write_text(content, "utf-8")
    card = services.models.get("run:a")
    job = Job("lab", "", {"n": 50}, created=0.0)
    found = services.lab.show(card, job)
    ((row),) = found["points"]
    assert (row["value"], row["low"], row["frontier"], found["running"]) == (
        3.5,
        None,
        True,
        job.id,
    )
    later = Job("lab", "", {"n": 50}, created=2.0**40)
    assert services.lab.show(card, later)["points"] == []  # records of an earlier lab
