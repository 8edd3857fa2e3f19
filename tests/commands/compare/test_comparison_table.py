"""comparison.json as a page, a table and a summary: every number stands where it belongs."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from ddpm.commands.compare.comparison_table import (
    comparison_csv,
    comparison_markdown,
    comparison_summary,
    format_parameters,
)
from ddpm.messages import message

Comparison = dict[str, Any]


def evaluation(name: str, **others: Any) -> dict[str, Any]:
    known: dict[str, Any] = {
        "name": name, "target": f"runs/{name}", "kind": "run", "model": "ddpm",
        "drawn": {"code": "sampler", "sampler": "ddim", "steps": 5},
        "step": 60, "n": 200, "images_per_second": 41.26, "notes": [],
        "reference": {"name": "mnist", "what": {"code": "training_images", "count": 60_000}},
        "floor": {"what": {"code": "test_images", "count": 10_000}},
    }  # fmt: skip
    return known | others


RUN = {
    "minutes": 9.83, "steps": 950, "images_seen": 60800, "batch_size": 64, "precision": "bf16",
    "device": "cpu", "threads": 2, "parameters": {"generator": 3000, "discriminator": 200},
}  # fmt: skip


def scores(*values: float | None) -> list[dict[str, float | None]]:
    return [
        {"value": v, "low": None if v is None else v - 1, "high": None if v is None else v + 1}
        for v in values
    ]


def verdict(metric: str, found: dict[str, Any], *values: float | None) -> dict[str, Any]:
    return {
        "metric": metric, "label": metric.upper(), "better": "real", "values": scores(*values),
        "floor": 0.5, "verdict": found, "winner": None,
    }  # fmt: skip


@pytest.fixture
def comparison() -> Comparison:
    images = evaluation(
        "b", kind="images", model=None, drawn=None, step=None, images_per_second=None
    )
    return {
        "command": "ddpm compare runs/a b",
        "entries": [
            {"label": "a_1", "evaluation": evaluation("a"), "run": RUN},
            {"label": "b", "evaluation": images, "run": None},
        ],
        "verdicts": [
            verdict("fd", message("better", label="a_1"), 3, 5),
            verdict("bits", message("measured_once", label="a_1"), 2, None),
            verdict("class-share-0", message("not_distinguishable", n=200), 3, 3),
            verdict("class-share-1", message("better", label="b"), 3, 9),
        ],
    }


def test_the_page_holds_costs_scores_and_how_to_read_them(comparison: Comparison) -> None:
    page = comparison_markdown(comparison)
    lines = page.splitlines()
    assert "Command: `ddpm compare runs/a b`" in lines
    assert (
        r"| a\_1 | ddpm | 9.83 | 950 | 60,800 | 64 | 3,000 (generator) + 200 (discriminator) | bf16 | cpu "
        "| 2 | ddim, 5 steps | 41.3 |"
    ) in lines
    assert "| b | images | – | – | – | – | – | – | – | – | – | – |" in lines
    assert (
        r"| FD | as floor | 3.00 \[2.00, 4.00\] | 5.00 \[4.00, 6.00\] | 0.500 | a\_1 is better |"
        in lines
    )
    assert (
        r"| BITS | as floor | 2.00 \[1.00, 3.00\] | – | 0.500 | only a\_1 has this measurement |"
        in lines
    )
    assert "200 images per entry, measured against 60,000 training images of mnist" in page
    assert "3 metrics were tested" in page  # one of the four has one score only


def test_the_csv_has_a_row_an_entry_and_one_for_the_floor(comparison: Comparison) -> None:
    rows = list(csv.DictReader(io.StringIO(comparison_csv(comparison))))
    assert [row["entry"] for row in rows] == ["a_1", "b", "floor"]
    first, second, floor = rows
    assert (first["minutes"], first["images_seen"], first["parameters"]) == (
        "9.83",
        "60800",
        "3200",
    )
    assert (first["fd"], first["fd_low"], first["fd_high"]) == ("3", "2", "4")
    assert (second["bits"], second["minutes"], second["drawn"]) == ("", "", "")
    assert (floor["fd"], floor["fd_low"], floor["kind"]) == ("0.5", "", "")
    assert not any(None in row for row in rows)  # no row is longer than the head


def test_the_summary_is_aligned_and_sums_the_classes_up(comparison: Comparison) -> None:
    head, fd, bits, shares, tests = comparison_summary(comparison).splitlines()
    assert fd.split() == ["FD", "3.00", "5.00", "0.500", "a_1", "is", "better"]
    assert head.index("verdict") == fd.index("a_1 is better") == bits.index("only a_1")
    assert shares == "shares of classes: 1 of 2 distinguishable"
    assert tests.startswith("3 metrics were tested. Without any difference")


def test_long_names_are_cut_on_a_terminal(comparison: Comparison) -> None:
    comparison["entries"][0]["label"] = "a" * 60
    comparison["verdicts"][0]["verdict"] = message("better", label="a" * 60)
    head, first, *_ = comparison_summary(comparison).splitlines()
    assert len(head) < 60
    assert first.endswith(f"  {'a' * 9}…{'a' * 8} is better")


def test_parameters_name_their_network_where_there_are_several() -> None:
    assert format_parameters({"network": 680000}) == "680,000"
    assert format_parameters(None) == "–"
