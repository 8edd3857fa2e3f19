"""The first page: the images of each run beside real ones, and five scores with what they support."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ddpm.commands.report.chapters.all_scores import cited, made_by, metric_cell
from ddpm.commands.report.report_data import (
    ReportData,
    ReportedComparison,
    ReportedRun,
    Row,
    parameters_text,
)
from ddpm.documents.document import (
    Block,
    Cell,
    Figure,
    Heading,
    Items,
    Missing,
    Paragraph,
    Span,
    Table,
    spans,
)
from ddpm.documents.tables import NO_VALUE, format_count, format_interval, format_number
from ddpm.evaluation.verdicts import Score, sum_scores

SUMMARY_METRICS = ("fd", "precision", "coverage", "detail", "copies-features")
_ROW = 4  # grids side by side at most
_WIDTHS = {1: 0.42, 2: 0.84, 3: 0.96}  # of a row by its number of grids; 1 for more


def summary_chapter(report: ReportData) -> Iterator[Block]:
    """Yield the summary: a line on each run, the grids, the five scores, and how the runs compare."""
    words = report.words
    yield Heading(words("summary"))
    yield Items(tuple(_line(report, run) for run in report.runs))
    yield from _grids(report)
    measured = [run for run in report.runs if run.evaluation is not None]
    for run in report.runs:
        if run.evaluation is None:
            yield Missing(words("missing.evaluation", run=run.name), run.commands["evaluate"])
    if measured:
        yield _scores(report, measured)
    for comparison in report.comparisons:
        yield from _compared(report, comparison)


def _line(report: ReportData, run: ReportedRun) -> tuple[Span, ...]:
    """Return what a run is: its size, its training and its images."""
    words, data, progress = report.words, run.environment.get("data", {}), run.progress
    minutes = progress.get("minutes")
    text = words(
        "summary.run",
        model=str(run.config.get("model", "")).upper(),
        parameters=parameters_text(words, run.parameters) if run.parameters else NO_VALUE,
        steps=format_count(progress.get("step")),
        seen=format_count(progress.get("images")),
        minutes=NO_VALUE if minutes is None else f"{minutes:,.1f}",
        used=format_count(data.get("used")),
        data=run.data_name,
        size=str(data.get("size", NO_VALUE)).replace("x", " x "),
    )
    return spans(Span(f"{run.name}: ", "strong"), text)


def _grids(report: ReportData) -> Iterator[Block]:
    """Yield the figure of the grids: those of real images before the runs that learned from them."""
    words = report.words
    shown: dict[str, str] = {}  # picture → its label
    captions = []
    for run in sorted(report.runs, key=lambda run: _first_of_data(report, run)):
        if "real" in run.pictures:
            shown[run.pictures["real"]] = words("summary.real", data=run.data_name)
        if "samples" in run.pictures:
            shown[run.pictures["samples"]] = run.name
            drawn = words.sentence(run.sampled_by)
            step = format_count(run.step)
            captions.append(words("summary.drawn", run=run.name, drawn=drawn, step=step))
    if captions:
        columns = min(len(shown), _ROW)
        yield Figure(
            " ".join([words("summary.grids", seeds="0–24"), *captions]),
            tuple(shown),
            _WIDTHS.get(columns, 1.0),
            report.commands("sample"),
            labels=tuple(shown.values()),
            shares=(1.0,) * columns,
        )


def _first_of_data(report: ReportData, run: ReportedRun) -> int:
    """Return the place of the first run with the same real images, so that such runs stand together."""
    own = run.pictures.get("real", run.name)
    places = [other.pictures.get("real", other.name) for other in report.runs]
    return places.index(own)


def _scores(report: ReportData, runs: Sequence[ReportedRun]) -> Table:
    words = report.words
    rows: list[tuple[Cell, ...]] = []
    for run in runs:
        found = {str(row["metric"]): row for row in (run.evaluation or {})["rows"]}
        if len(runs) > 1:
            rows.append((Span(run.name, "strong"), "", "", ""))
        rows += [_score(report, found[key]) for key in SUMMARY_METRICS if key in found]
    counts = dict.fromkeys(format_count((run.evaluation or {}).get("n")) for run in runs)
    head = ("evaluation.metric", "evaluation.value", "evaluation.floor", "summary.supports")
    return Table(
        caption=words("summary.caption", n=words.listed(list(counts))),
        head=tuple(map(words, head)),
        rows=tuple(rows),
        align="lrrl",
        commands=tuple(
            dict.fromkeys(line for run in runs for line in made_by(run.evaluation or {}))
        ),
        shares=(1.75, 1.3, 0.5, 2.6),
    )


def _score(report: ReportData, row: Row) -> tuple[Cell, ...]:
    value = format_interval(row["value"], row.get("low"), row.get("high"))
    name = report.words.tables.WORDS.get(f"summary.{row['metric']}")  # that of fd is its protocol
    metric = metric_cell(report, row) if name is None else name + cited(report, row)
    return metric, value, format_number(row.get("floor")), _supported(report, row)


def _supported(report: ReportData, row: Row) -> str:
    """Return the sentence that a score supports; "" if it has no interval or no floor."""
    place = place_beside_floor(row)
    if place is None:
        return ""
    ratio = format_interval(row.get("ratio"), row.get("ratio_low"), row.get("ratio_high"))
    return report.words(f"summary.{row['metric']}.{place}", ratio=ratio)


def place_beside_floor(row: Row) -> str | None:
    """Return `below`, `level` or `above`: where a score lies beside that of real images.

    It is level if the 95 % interval of the difference includes zero; for a distance, if that of the ratio
    includes 1. None if the row has no interval or no floor.
    """
    if "ratio" in row:
        difference = _score_of(row, "ratio", "ratio_low", "ratio_high")
        floor: Score | None = Score(1.0, 1.0, 1.0)
    else:
        difference = _score_of(row, "value", "low", "high")
        floor = _score_of(row, "floor", "floor_low", "floor_high")
    if difference is None or floor is None:
        return None
    _, low, high = sum_scores([difference, floor.times(-1)])
    return "above" if low > 0 else "below" if high < 0 else "level"


def _score_of(row: Row, *keys: str) -> Score | None:
    """Return a value with its interval; None where a number is missing."""
    found = [row.get(key) for key in keys]
    return None if None in found else Score(*map(float, found))  # type: ignore[arg-type]


def _compared(report: ReportData, comparison: ReportedComparison) -> Iterator[Block]:
    """Yield the sentence on which entry is better in which of the five scores."""
    words = report.words
    groups: dict[str, list[str]] = {}
    for verdict in comparison.row["verdicts"]:
        if verdict["metric"] in SUMMARY_METRICS:
            name = words.metric(str(verdict["metric"]), str(verdict["label"]))
            groups.setdefault(words.sentence(verdict["verdict"]), []).append(name)
    found = [
        words("summary.verdict", verdict=k, metrics=words.listed(v)) for k, v in groups.items()
    ]
    labels = words.listed([str(entry["label"]) for entry in comparison.row["entries"]])
    if found:
        text = words("summary.compared", verdicts=words("summary.then").join(found))
        yield Paragraph(spans(Span(f"{labels}: ", "strong"), text))
