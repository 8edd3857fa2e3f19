"""The appendix with every metric of each run."""

from __future__ import annotations

from collections.abc import Iterator

from ddpm.commands.report.report_data import ReportData, ReportedRun, Row
from ddpm.documents.document import Block, Heading, Table
from ddpm.documents.tables import format_count, format_interval, format_number
from ddpm.evaluation.metrics import CLASS_SHARE_PREFIX
from ddpm.scoring.measurement import metric_source


def scores_appendix(report: ReportData) -> Iterator[Block]:
    """Yield the appendix: a table for each run that has been evaluated."""
    if any(run.evaluation for run in report.runs):
        yield Heading(report.words("evaluation.all"), appendix=True)
    for run in report.runs:
        if run.evaluation is not None:
            yield _scores(report, run, run.evaluation)


def _scores(report: ReportData, run: ReportedRun, found: Row) -> Table:
    words = report.words
    head = ("metric", "better", "value", "floor", "ratio")
    cells = tuple(
        (
            metric_cell(report, row),
            words(f"better.{row['better']}"),
            format_interval(row["value"], row.get("low"), row.get("high")),
            format_number(row.get("floor")),
            format_interval(row.get("ratio"), row.get("ratio_low"), row.get("ratio_high")),
        )
        for row in found["rows"]
        if not str(row["metric"]).startswith(CLASS_SHARE_PREFIX)
    )
    return Table(
        caption=words("evaluation.caption", run=run.name, n=format_count(found.get("n"))),
        head=tuple(words(f"evaluation.{name}") for name in head),
        rows=cells,
        align="llrrr",
        commands=made_by(found),
        shares=(2.6, 1.0, 1.9, 0.8, 1.8),
    )


def metric_cell(report: ReportData, row: Row) -> str:
    """Return a metric's name with its citation."""
    name = str(row["metric"])
    return report.words.metric(name, str(row["label"])) + cited(report, row)


def cited(report: ReportData, row: Row) -> str:
    """Return the citation of a metric; "" if it has no source."""
    return report.cite(metric_source(str(row["metric"])))


def made_by(found: Row) -> tuple[str, ...]:
    """Return the command of an evaluation or a comparison."""
    return (str(found["command"]),) if found.get("command") else ()
