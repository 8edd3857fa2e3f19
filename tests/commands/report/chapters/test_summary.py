"""The summary: what a score supports follows from its interval and the floor, and from nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from ddpm.commands.report.chapters.summary import (
    SUMMARY_METRICS,
    place_beside_floor,
    summary_chapter,
)
from ddpm.commands.report.report_data import ReportData
from ddpm.commands.report.words.languages import LANGUAGES, Words
from ddpm.documents.citations import Citations
from ddpm.documents.document import Figure, Items, Missing, Paragraph, Table, cell_text, plain
from ddpm.evaluation.metrics import METRICS
from tests.commands.report.test_report_document import EVALUATION, comparison, gan, run


def score(value: float, low: float, high: float, floor: float, half: float = 0.0) -> dict[str, Any]:
    floors = {"floor": floor, "floor_low": floor - half, "floor_high": floor + half}
    return {"value": value, "low": low, "high": high, **floors}


@pytest.mark.parametrize(
    ("row", "place"),
    [
        (score(0.80, 0.78, 0.82, 0.90), "below"),
        (score(0.80, 0.75, 0.85, 0.84), "level"),
        (score(0.95, 0.93, 0.97, 0.90), "above"),
        # 0.07 apart: more than 0.05 of the score alone, less than the 0.0707 of both together
        (score(0.80, 0.75, 0.85, 0.87), "below"),
        (score(0.80, 0.75, 0.85, 0.87, half=0.05), "level"),
        (score(0.0, 0.0, 0.015, 0.0), "level"),
        ({"ratio": 1.3, "ratio_low": 0.95, "ratio_high": 1.6, "value": 1, "floor": 9}, "level"),
        ({"ratio": 1.3, "ratio_low": 1.05, "ratio_high": 1.6, "value": 1, "floor": 9}, "above"),
        ({"ratio": 0.7, "ratio_low": 0.5, "ratio_high": 0.9, "value": 1, "floor": 9}, "below"),
        ({"ratio": None, "ratio_low": None, "ratio_high": None, "value": 1, "floor": 0}, None),
        ({"value": 0.5, "low": None, "high": None, "floor": 0.4}, None),
    ],
)
def test_a_score_is_placed_beside_the_floor_by_the_interval_of_the_difference(
    row: dict[str, Any], place: str | None
) -> None:
    assert place_beside_floor({"metric": "precision", **row}) == place


def report(*runs: Any, language: str = "en", comparisons: Any = ()) -> ReportData:
    return ReportData(runs, comparisons, Words(language), Citations({}))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_metric_of_the_summary_has_a_sentence_for_each_place(language: str) -> None:
    words = Words(language)
    sentences = [
        words(f"summary.{metric}.{place}", ratio="1.5")
        for metric in SUMMARY_METRICS
        for place in ("below", "level", "above")
    ]
    assert len(set(sentences)) == len(sentences)
    assert set(SUMMARY_METRICS) <= set(METRICS)


def test_the_five_scores_stand_with_value_interval_floor_and_sentence() -> None:
    metrics = {
        "precision": score(0.5, 0.45, 0.55, 0.9),
        "coverage": score(0.9, 0.85, 0.95, 0.92),
        "detail": score(1.2, 1.1, 1.3, 1.0),
        "copies-features": score(0.0, 0.0, 0.003, 0.0),
    }
    rows = [
        {"metric": name, "label": name, "better": "real", **row} for name, row in metrics.items()
    ]
    evaluation = {**EVALUATION, "rows": [*EVALUATION["rows"], *rows]}
    blocks = list(summary_chapter(report(run(evaluation=evaluation))))
    (table,) = [block for block in blocks if isinstance(block, Table)]
    shown = [[cell_text(cell) for cell in row] for row in table.rows]
    assert [row[1:] for row in shown] == [
        ["12.3 [11.1, 13.3]", "3.21", "Unlike real ones: 3.85 [3.50, 4.20] times the floor."],
        ["0.500 [0.450, 0.550]", "0.900", "Fewer look real than of real images."],
        ["0.900 [0.850, 0.950]", "0.920", "As varied as real images."],
        ["1.20 [1.10, 1.30]", "1.00", "Rougher than real images: noise or hard edges."],
        ["0 [0, 0.00300]", "0", "No sign of memorization."],
    ]
    assert table.commands == ("ddpm evaluate runs/a -n 1000",)


def test_a_run_is_told_in_a_line_with_its_size_its_training_and_its_images() -> None:
    blocks = list(summary_chapter(report(run(), gan())))
    (items,) = [block for block in blocks if isinstance(block, Items)]
    one, two = map(plain, items.lines)
    assert one == (
        "a: DDPM, 679,812 parameters; 951 steps in 9.9 minutes, 60,864 images seen; trained on 60,001 "
        "images of mnist, 28 x 28 pixels."
    )
    assert "DCGAN, generator 759,680, discriminator 138,624 parameters" in two


def test_runs_on_the_same_images_stand_together_behind_them() -> None:
    runs = [
        run(name, pictures={"real": f"f/real-{data}.png", "samples": f"f/{name}.png"})
        for name, data in (("a", "x"), ("b", "y"), ("c", "x"))
    ]
    (figure,) = [b for b in summary_chapter(report(*runs)) if isinstance(b, Figure)]
    assert figure.pictures == ("f/real-x.png", "f/a.png", "f/c.png", "f/real-y.png", "f/b.png")
    assert figure.labels == ("real: mnist", "a", "c", "real: mnist", "b")
    assert len(figure.shares) == 4  # the fifth goes into a second row


def test_a_run_without_scores_gets_the_command_and_a_comparison_one_sentence() -> None:
    blocks = list(summary_chapter(report(run(), gan(), comparisons=(comparison(),))))
    assert [b.command for b in blocks if isinstance(b, Missing)] == ["ddpm evaluate runs/b"]
    (paragraph,) = [b for b in blocks if isinstance(b, Paragraph)]
    assert plain(paragraph.line) == "a, b: a is better: FD-digits."
