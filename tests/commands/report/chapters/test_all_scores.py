"""The appendix of all scores: every metric of every evaluated run, with its citation and its command."""

from __future__ import annotations

from ddpm.commands.report.chapters.all_scores import cited, made_by, metric_cell, scores_appendix
from ddpm.commands.report.report_data import ReportData
from ddpm.commands.report.words.languages import Words
from ddpm.documents.citations import Citations
from ddpm.documents.document import Heading, Table
from tests.commands.report.test_report_document import EVALUATION, ROW, gan, run


def report(*runs: object, language: str = "en") -> ReportData:
    return ReportData(runs, (), Words(language), Citations({}))  # type: ignore[arg-type]


def test_a_table_holds_every_metric_but_the_class_shares() -> None:
    heading, table = scores_appendix(report(run(), gan()))
    assert heading == Heading("All scores", appendix=True)
    assert isinstance(table, Table) and table.commands == ("ddpm evaluate runs/a -n 1000",)
    assert table.rows == (
        ("FD-digits (n=1000, train ref) [1]", "lower", "12.3 [11.1, 13.3]", "3.21", "3.85 [3.50, 4.20]"),
    )  # fmt: skip


def test_without_an_evaluation_there_is_no_appendix() -> None:
    assert list(scores_appendix(report(gan()))) == []


def test_a_metric_has_the_name_of_the_language_and_its_source() -> None:
    precision = {"metric": "precision", "label": "precision"}
    assert metric_cell(report(), precision) == "precision [1]"
    assert metric_cell(report(language="zh-TW"), precision) == "精確率（precision） [1]"
    assert cited(report(), {"metric": "detail"}) == ""
    assert metric_cell(report(), ROW).startswith("FD-digits")


def test_an_evaluation_without_a_command_names_none() -> None:
    assert made_by(EVALUATION) == ("ddpm evaluate runs/a -n 1000",)
    assert made_by({"command": ""}) == made_by({}) == ()
