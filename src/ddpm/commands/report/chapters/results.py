"""The chapters on results: losses, the process from noise to image, scores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ddpm.commands.report.chapters.all_scores import made_by
from ddpm.commands.report.report_data import ReportData, ReportedRun, Row, TableRow, run_tables
from ddpm.documents.document import (
    Block,
    Cell,
    Figure,
    Heading,
    Missing,
    Paragraph,
    Span,
    Table,
    spans,
)
from ddpm.documents.tables import NO_VALUE, format_count, format_number
from ddpm.evaluation.feature_networks import network_source
from ddpm.evaluation.metrics import CLASS_SHARE_PREFIX

_LOSSES = (
    "loss",
    "generator_loss",
    "discriminator_loss",
    "epoch_loss",
    "heldout_loss",
    "training_images_loss",
    "memorization",
)
_STRIP_COLUMNS = {"forward": 6.0, "backward": 8.0}  # so that the images of both have one size


def training_chapter(report: ReportData) -> Iterator[Block]:
    """Yield the chapter on the losses of every run, as final values and plots."""
    words = report.words
    yield Heading(words("training"))
    logged = [run for run in report.runs if run.losses]
    facts: list[TableRow] = [
        (words(f"loss.{kind}"), [_loss(report, run, kind) for run in logged]) for kind in _LOSSES
    ]
    if logged:
        names = [run.name for run in logged]
        commands = tuple(run.commands["train"] for run in logged)
        yield from run_tables(words, words("training.table"), names, facts, commands)
    for run in report.runs:
        if "loss" in run.pictures:
            caption, shown = words("training.caption", run=run.name), (run.pictures["loss"],)
            yield Figure(caption, shown, 0.84, (run.commands["train"],), floating=True)


def _loss(report: ReportData, run: ReportedRun, kind: str) -> str:
    row = run.losses.get(kind)
    if row is None:
        return NO_VALUE
    text = format_number(row["value"]) if kind != "memorization" else format_count(row["value"])
    window = row.get("window")
    return report.words("training.last", loss=text, count=window) if window else text


def process_chapter(report: ReportData) -> Iterator[Block]:
    """Yield the chapter with frames of the GIFs, and strips of the forward and the reverse process."""
    shown = [run for run in report.runs if run.pictures.keys() & {"frames", "forward", "backward"}]
    if shown:
        yield Heading(report.words("process"))
    for run in shown:
        yield from _process(report, run)


def _process(report: ReportData, run: ReportedRun) -> Iterator[Block]:
    words, made = report.words, (run.commands["sample"],)
    if "frames" in run.pictures:
        caption = words("process.frames", run=run.name, shares=run.frame_shares)
        yield Figure(caption, (run.pictures["frames"],), 1.0, made)
    strips = [key for key in ("forward", "backward") if key in run.pictures]
    what = words("process.data" if run.forward_from_data else "process.drawn")
    animated = words.sentence(run.animated_by)
    captions = {
        "forward": words("process.forward", what=what),
        "backward": words("process.backward", seeds="0–3", drawn=animated),
    }
    if strips:
        caption = " ".join([f"{run.name}:", *(captions[key] for key in strips)])
        forward = (run.commands.get("forward", ""),) if run.forward_from_data else ()
        yield Figure(
            caption,
            tuple(run.pictures[key] for key in strips),
            1.0 if len(strips) > 1 else 0.6,
            tuple(filter(None, (*forward, *made))),
            shares=tuple(_STRIP_COLUMNS[key] for key in strips),
        )


def evaluation_chapter(report: ReportData) -> Iterator[Block]:
    """Yield the chapter on how each run was measured, and the classes of its images."""
    measured = [(run, run.evaluation) for run in report.runs if run.evaluation is not None]
    if measured:
        yield Heading(report.words("evaluation"))
    for run, evaluation in measured:
        yield from _evaluation(report, run, evaluation)


def _evaluation(report: ReportData, run: ReportedRun, found: Row) -> Iterator[Block]:
    words = report.words
    yield Paragraph(spans(Span(f"{run.name}: ", "strong"), _about(report, found)))
    old = found.get("step")
    if old is not None and run.step is not None and old != run.step:
        text = words(
            "evaluation.stale", run=run.name, old=format_count(old), new=format_count(run.step)
        )
        yield Missing(text, run.commands["evaluate"])
    shares = [row for row in found["rows"] if str(row["metric"]).startswith(CLASS_SHARE_PREFIX)]
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
