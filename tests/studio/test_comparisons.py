"""Comparisons for the page: what `ddpm compare` wrote, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ddpm.studio.comparisons import Comparisons
from ddpm.studio.refusals import RefusalError
from ddpm.studio.services import Services

SCORE = {"value": 5.0, "low": 4.0, "high": 6.0, "more": 1}


def comparison(**more: Any) -> dict[str, Any]:
    evaluation = {"n": 20, "rows": [{"metric": "fd", "ratio": 2.0}]}
    entries = [{"label": name, "evaluation": evaluation} for name in ("a", "b")]
    verdict = {"code": "better", "label": "a"}
    rows = [
        {
            "metric": "fd",
            "label": "FD",
            "better": better,
            "values": [SCORE] * 2,
            "floor": 2.5,
            "verdict": verdict,
        }
        for better in ("lower", "higher", "real")
    ]  # fmt: skip
    return {
        "entries": entries,
        "verdicts": rows,
        "figures": {"grids": "grids.png"},
        "command": "x",
        **more,
    }


def write(runs: Path, id: str, content: str) -> Path:
    folder = runs / ".studio" / "comparisons" / id
    folder.mkdir(parents=True)
    (folder / "comparison.json").write_text(content, "utf-8")
    return folder


def test_the_command_names_the_models_and_a_folder(services: Services, runs: Path) -> None:
    cards = [services.models.get(f"bundled:{name}") for name in ("mnist", "digits")]
    job, words, result = services.comparisons.prepare(cards, 20)
    folder = runs / ".studio" / "comparisons" / result["comparison"]
    assert words == ["compare", "bundled:mnist", "bundled:digits", "--out", str(folder), "-n", "20"]
    assert (job.kind, job.title) == ("comparison", "comparison of bundled:mnist, bundled:digits")


def test_a_comparison_is_read(runs: Path) -> None:
    write(runs, "abc", json.dumps(comparison()))
    (row,) = Comparisons(runs).all()
    assert (row["id"], row["models"], row["n"]) == ("abc", ["a", "b"], 20)
    found = Comparisons(runs).show("abc")
    assert [row["better"] for row in found["rows"]] == ["low", "high", "real"]
    assert found["rows"][0]["values"][0] == {"value": 5.0, "low": 4.0, "high": 6.0, "ratio": 2.0}
    assert found["rows"][0]["verdict"] == "a is better"
    assert found["pictures"] == ["/api/comparisons/abc/pictures/grids"]


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", "{", '{"entries": [{}], "verdicts": []}', "[" * 99999]
)
def test_a_damaged_comparison_is_none(content: str, runs: Path) -> None:
    write(runs, "abc", content)
    assert Comparisons(runs).all() == []
    with pytest.raises(RefusalError):
        Comparisons(runs).show("abc")


def test_a_picture_is_a_png_of_the_comparison(runs: Path) -> None:
    folder = write(runs, "abc", json.dumps(comparison()))
    (folder / "grids.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (folder / "svg.png").write_text("<svg/>", "utf-8")
    (folder / "out.png").symlink_to("/etc/hostname")
    assert Comparisons(runs).picture("abc", "grids").startswith(b"\x89PNG")
    for id, name in (
        ("abc", "svg"),
        ("abc", "out"),
        ("abc", "../x"),
        ("..", "grids"),
        ("abc", "none"),
    ):
        with pytest.raises(RefusalError):
            Comparisons(runs).picture(id, name)
