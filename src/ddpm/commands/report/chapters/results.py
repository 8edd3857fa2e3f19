"""The chapters on results: losses, samples, scores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ddpm.commands.report.report_data import ReportData, ReportedRun, Row, TableRow, run_tables
from ddpm.documents.document import Block, Cell, Figure, Heading, Missing, Paragraph, Table, spans
from ddpm.documents.tables import NO_VALUE, format_count, format_interval, format_number
from ddpm.evaluation.feature_networks import network_source
from ddpm.evaluation.metrics import CLASS_SHARE_PREFIX
from ddpm.scoring.measurement import metric_source

_LOSSES = (
    "loss",
    "generator_loss",
    "discriminator_loss",
    "epoch_loss",
    "heldout_loss",
    "training_images_loss",
    "memorization",
)
_GRID_WIDTH = 0.47  # of a grid of 5x5 images, relative to the text


def training_chapter(report: ReportData) -> Iterator[Block]:
    """Yield the chapter on the losses of every run, as plots and final values."""
    words = report.words
    yield Heading(words("training"))
    for run in report.runs:
        if "loss" in run.pictures:
            caption = words("training.caption", run=run.name)
            yield Figure(caption, (run.pictures["loss"],), 0.84, (run.commands["train"],))
    logged = [run for run in report.runs if run.losses]
    facts: list[TableRow] = [
        (words(f"loss.{kind}"), [_loss(report, run, kind) for run in logged]) for kind in _LOSSES
    ]
    if logged:
        names = [run.name for run in logged]
        commands = tuple(run.commands["train"] for run in logged)
        yield from run_tables(words, words("training.table"), names, facts, commands)


def _loss(report: ReportData, run: ReportedRun, kind: str) -> str:
    row = run.losses.get(kind)
    if row is None:
        return NO_VALUE
    text = format_number(row["value"]) if kind != "memorization" else format_count(row["value"])
    window = row.get("window")
    return report.words("training.last", loss=text, count=window) if window else text


def samples_chapter(report: ReportData) -> Iterator[Block]:
    """Yield the chapter with sample grids, frames of the GIFs, and strips of both processes."""
    words = report.words
    yield Heading(words("samples"))
    for run in report.runs:
        if run.pictures.keys() & {"samples", "frames", "backward", "forward"}:
            yield Heading(run.name, 2)
            yield from _samples(report, run)


def _samples(report: ReportData, run: ReportedRun) -> Iterator[Block]:
    words, made = report.words, (run.commands["sample"],)
    sampled = words.sentence(run.sampled_by)
    animated = words.sentence(run.animated_by)
    what = words("samples.forward_data" if run.forward_from_data else "samples.forward_drawn")
    captions = {
        "samples": words(
            "samples.caption", run=run.name, seeds="0–24", drawn=sampled, step=run.step
        ),
        "frames": words("samples.frames", run=run.name, shares=run.frame_shares),
        "forward": words("samples.forward", run=run.name, what=what),
        "backward": words("samples.backward", run=run.name, seeds="0–3", drawn=animated),
    }
    widths = {"samples": _GRID_WIDTH, "frames": 1.0, "forward": 0.6, "backward": 0.8}
    forward = _forward(run) if run.forward_from_data else ()
    commands = {"samples": made, "frames": made, "backward": made, "forward": forward}
    for key, caption in captions.items():
        if key in run.pictures:
            shown = (run.pictures[key],)
            yield Figure(caption, shown, widths[key], commands[key])


def _forward(run: ReportedRun) -> tuple[str, ...]:
    return (run.commands["forward"],) if "forward" in run.commands else ()


def evaluation_chapter(report: ReportData) -> Iterator[Block]:
    """Yield the chapter with the scores of each run, or the command that measures them."""
    words = report.words
    yield Heading(words("evaluation"))
    for run in report.runs:
        if run.evaluation is None:
            yield Missing(words("missing.evaluation", run=run.name), run.commands["evaluate"])
        else:
            yield Heading(run.name, 2)
            yield from _evaluation(report, run, run.evaluation)


def _evaluation(report: ReportData, run: ReportedRun, found: Row) -> Iterator[Block]:
    words = report.words
    yield Paragraph(spans(_about(report, found)))
    old = found.get("step")
    if old is not None and run.step is not None and old != run.step:
        text = words(
            "evaluation.stale", run=run.name, old=format_count(old), new=format_count(run.step)
        )
        yield Missing(text, run.commands["evaluate"])
    rows = [
        row
        for row in found.get("rows", [])
        if not str(row["metric"]).startswith(CLASS_SHARE_PREFIX)
    ]
    yield _scores(report, run, found, rows)
    shares = [row for row in found.get("rows", []) if row not in rows]
    if shares:
        yield _class_shares(report, run, found, shares)


def _about(report: ReportData, found: Row) -> str:
    """Return the sentences on what was compared with what."""
    words = report.words
    seeds, speed = found.get("seeds"), found.get("images_per_second")
    rate = words("evaluation.speed", rate=format_number(speed)) if speed else ""
    drawn = words.sentence(found.get("drawn"))
    text = words(
        "evaluation.about",
        n=format_count(found.get("n")),
        seeds=words("evaluation.seeds", first=seeds[0], last=seeds[1]) if seeds else "",
        drawn=words("evaluation.drawn", drawn=drawn, speed=rate) if drawn else "",
        reference=words.sentence(found["reference"]["what"]),
        floor=words.sentence(found["floor"]["what"]),
        network=f"{found['network']}{report.cite(network_source(found['network']))}",
        bootstrap=report.cite("bootstrap"),
    )
    notes = "; ".join(map(words.sentence, found.get("notes", [])))
    note = words("evaluation.note", note=notes) if notes else ""
    return f"{text} {note}".strip()


def _scores(report: ReportData, run: ReportedRun, found: Row, rows: Sequence[Row]) -> Table:
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
        for row in rows
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
    return report.words.metric(name, str(row["label"])) + report.cite(metric_source(name))


def _class_shares(report: ReportData, run: ReportedRun, found: Row, rows: Sequence[Row]) -> Table:
    """Return a table with a column for each class."""
    words = report.words
    head: tuple[Cell, ...] = (words("evaluation.class"),)
    head += tuple(str(row["metric"]).removeprefix(CLASS_SHARE_PREFIX) for row in rows)
    made = (words("evaluation.made"), *(f"{row['value']:.3f}" for row in rows))
    real = (words("evaluation.real"), *(_share(row.get("floor")) for row in rows))
    caption = words("evaluation.shares", run=run.name)
    shares = (1.6, *[1.0] * len(rows))
    return Table(caption, head, (made, real), "l" + "r" * len(rows), made_by(found), shares)


def _share(value: float | None) -> str:
    return NO_VALUE if value is None else f"{value:.3f}"


def made_by(found: Row) -> tuple[str, ...]:
    """Return the command of an evaluation or a comparison."""
    return (str(found["command"]),) if found.get("command") else ()
