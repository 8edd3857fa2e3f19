"""The chapter on comparisons, as figures, and the appendix with every verdict and the cost of each entry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ddpm.commands.report.chapters.all_scores import made_by, metric_cell
from ddpm.commands.report.report_data import (
    ReportData,
    ReportedComparison,
    Row,
    TableRow,
    parameters_text,
    run_tables,
)
from ddpm.documents.document import Block, Figure, Heading, Missing, Paragraph, Table, spans
from ddpm.documents.tables import format_count, format_interval, format_number
from ddpm.evaluation.metrics import CLASS_SHARE_PREFIX

_FIGURES = (("cost", 0.9), ("spectra", 0.72), ("neighbors", 0.8), ("metrics", 1.0))  # name, width
_TALL = "metrics"  # this one floats, so that no page is left half empty


def comparison_chapter(
    report: ReportData, uncompared: Sequence[tuple[str, str]]
) -> Iterator[Block]:
    """Yield the chapter on comparisons.

    `uncompared` lists missing ones: `comparison` or `baseline`, and the command that creates it.
    """
    words = report.words
    yield Heading(words("comparison"))
    for kind, command in uncompared:
        yield Missing(words(f"missing.{kind}"), command)
    for comparison in report.comparisons:
        if len(report.comparisons) > 1:
            yield Heading(words.listed(_labels(comparison)), 2)
        yield from _comparison(report, comparison)


def _labels(comparison: ReportedComparison) -> list[str]:
    return [str(entry["label"]) for entry in comparison.row["entries"]]


def _comparison(report: ReportData, comparison: ReportedComparison) -> Iterator[Block]:
    words, labels = report.words, _labels(comparison)
    made, named = made_by(comparison.row), words.listed(labels)
    yield Paragraph(spans(_rule(report, comparison, named)))
    for label, old, new in comparison.stale:
        text = words("evaluation.stale", run=label, old=format_count(old), new=format_count(new))
        yield Missing(text, " ".join(made))
    if "grids" in comparison.pictures and not comparison.all_reported:
        caption = words("comparison.grids", labels=named)
        yield Figure(caption, (comparison.pictures["grids"],), 1.0, made)
    for key, width in _FIGURES:
        if key in comparison.pictures:
            caption = words("comparison.cost_figure" if key == "cost" else f"comparison.{key}")
            shown = (comparison.pictures[key],)
            yield Figure(caption, shown, width, made, floating=key == _TALL)


def comparison_appendix(report: ReportData) -> Iterator[Block]:
    """Yield the appendix: every verdict of each comparison, and the cost of its entries."""
    if report.comparisons:
        yield Heading(report.words("comparison.all"), appendix=True)
    for comparison in report.comparisons:
        labels = _labels(comparison)
        yield _verdicts(report, comparison, labels)
        yield from _costs(report, comparison, labels)


def _rule(report: ReportData, comparison: ReportedComparison, labels: str) -> str:
    """Return the rule: what is equal, when a difference counts, how many verdicts may be chance."""
    rows = comparison.row["verdicts"]
    tests = sum(sum(v["value"] is not None for v in row["values"]) > 1 for row in rows)
    chance = max(1, round(tests / 20))
    cite = report.cite("newcombe", "zou-donner", "bootstrap")
    return report.words("comparison.about", labels=labels, tests=tests, chance=chance, cite=cite)


def _verdicts(report: ReportData, comparison: ReportedComparison, labels: Sequence[str]) -> Table:
    words = report.words
    rows = [
        (
            metric_cell(report, row),
            words(f"better.{row['better']}"),
            *(
                format_interval(value["value"], value["low"], value["high"])
                for value in row["values"]
            ),
            format_number(row.get("floor")),
            words.sentence(row["verdict"]),
        )
        for row in comparison.row["verdicts"]
        if not str(row["metric"]).startswith(CLASS_SHARE_PREFIX)
    ]
    names = ("metric", "better", "floor")
    metric, better, floor = (words(f"evaluation.{name}") for name in names)
    return Table(
        caption=words("comparison.verdicts"),
        head=(metric, better, *labels, floor, words("comparison.verdict")),
        rows=tuple(rows),
        align="ll" + "r" * (len(labels) + 1) + "l",
        commands=made_by(comparison.row),
        shares=(2.1, 1.15, *[1.6] * len(labels), 0.9, 1.7),
    )


def _costs(
    report: ReportData, comparison: ReportedComparison, labels: Sequence[str]
) -> Iterator[Block]:
    """Yield the table of training cost; nothing if no entry is a run."""
    words = report.words
    runs: list[Row] = [entry.get("run") or {} for entry in comparison.row["entries"]]
    speeds = [entry["evaluation"].get("images_per_second") for entry in comparison.row["entries"]]
    if not any(runs):
        return
    facts: list[TableRow] = [
        (words("fact.preset"), [str(run.get("preset", "")) for run in runs]),
        (words("fact.model"), [str(run.get("model", "")).upper() for run in runs]),
        (words("fact.parameters"), [_sizes(report, run) for run in runs]),
        (words("fact.minutes"), [format_number(run.get("minutes")) for run in runs]),
        (words("fact.steps"), [format_count(run.get("steps")) for run in runs]),
        (words("comparison.batch"), [format_count(run.get("batch_size")) for run in runs]),
        (words("fact.seen"), [format_count(run.get("images_seen")) for run in runs]),
        (words("comparison.drawing"), [format_number(speed) for speed in speeds]),
        (words("comparison.precision"), [str(run.get("precision", "")) for run in runs]),
        (words("comparison.device"), [str(run.get("device", "")) for run in runs]),
    ]
    made = made_by(comparison.row)
    yield from run_tables(words, words("comparison.cost"), labels, facts, made)


def _sizes(report: ReportData, run: Row) -> str:
    sizes: Mapping[str, int] = run.get("parameters") or {}
    return parameters_text(report.words, sizes) if sizes else ""
