"""The chapter and the appendix on comparisons: what may be chance is said, and no picture stands twice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ddpm.commands.report.chapters.comparison import comparison_appendix, comparison_chapter
from ddpm.commands.report.report_data import ReportData
from ddpm.commands.report.words.languages import Words
from ddpm.documents.citations import Citations
from ddpm.documents.document import Figure, Heading, Missing, Paragraph, Table, plain
from tests.commands.report.test_report_document import comparison, run


def report(*comparisons: Any) -> ReportData:
    return ReportData((run(),), comparisons, Words(), Citations({}))


def figures(*comparisons: Any) -> list[str]:
    blocks = comparison_chapter(report(*comparisons), ())
    return [block.pictures[0] for block in blocks if isinstance(block, Figure)]


def test_the_grids_are_shown_unless_the_summary_shows_them() -> None:
    assert figures(comparison()) == ["figures/grids.png", "figures/cost.png"]
    assert figures(replace(comparison(), all_reported=True)) == ["figures/cost.png"]


def test_the_rule_counts_the_verdicts_that_may_be_chance() -> None:
    many = comparison()
    row = {**many.row, "verdicts": list(many.row["verdicts"]) * 41}
    blocks = list(comparison_chapter(report(replace(many, row=row)), ()))
    (text,) = [plain(block.line) for block in blocks if isinstance(block, Paragraph)]
    assert "41 metrics were tested" in text and "about 2 of the verdicts may be chance" in text


def test_what_was_measured_before_the_last_training_is_named() -> None:
    old = replace(comparison(), stale=[("a", 900, 950)])
    (missing,) = [b for b in comparison_chapter(report(old), ()) if isinstance(b, Missing)]
    assert "of step 900" in missing.text and missing.command == "ddpm compare runs/a runs/b"


def test_missing_comparisons_come_with_their_commands() -> None:
    blocks = list(comparison_chapter(report(), [("baseline", "ddpm train dcgan-mnist")]))
    assert [b.command for b in blocks if isinstance(b, Missing)] == ["ddpm train dcgan-mnist"]


def test_the_appendix_has_every_verdict_and_the_cost_of_each_entry() -> None:
    heading, verdicts, cost = comparison_appendix(report(comparison()))
    assert isinstance(heading, Heading) and heading.appendix
    assert isinstance(verdicts, Table) and isinstance(cost, Table)
    assert verdicts.head == ("metric", "better", "a", "b", "floor", "verdict")
    assert verdicts.rows[0][-3:] == ("7.78 [7.01, 8.02]", "3.21", "a is better")
    assert ("training minutes", "9.87", "–") in cost.rows and ("parameters", "5", "") in cost.rows
    assert list(comparison_appendix(report())) == []
