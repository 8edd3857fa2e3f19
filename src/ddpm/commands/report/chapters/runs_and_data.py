"""The chapters on the runs and on their data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ddpm.commands.report.notes import Notes
from ddpm.commands.report.report_data import ReportData, ReportedRun, TableRow, run_tables
from ddpm.documents.document import (
    Blank,
    Block,
    Heading,
    Items,
    Missing,
    Paragraph,
    Span,
    code,
    spans,
)
from ddpm.documents.tables import NO_VALUE, format_count, format_number
from ddpm.models.sources import augmentation_source

_HASH = 12  # digits of a content hash that are shown
_COUNTS = ("given", "used", "held_out", "duplicate", "broken")


def runs_chapter(report: ReportData) -> Iterator[Block]:
    """Yield the chapter that lists all runs."""
    words, runs = report.words, report.runs
    yield Heading(words("runs"))
    yield Paragraph(_preface(report))
    facts: list[TableRow] = [
        (words("fact.model"), [run.config.get("model", "").upper() for run in runs]),
        (words("fact.preset"), [code(str(run.config.get("preset", ""))) for run in runs]),
        (words("fact.images"), [code(run.data_name) for run in runs]),
        (words("fact.shape"), [_shape(run) for run in runs]),
    ]
    facts += [
        (
            words("fact.parameters_of", part=words(f"part.{part}")),
            [_size(run, part) for run in runs],
        )
        for part in ("network", "generator", "discriminator")
    ]
    facts += [
        (words("fact.steps"), [format_count(run.progress.get("step")) for run in runs]),
        (words("fact.seen"), [format_count(run.progress.get("images")) for run in runs]),
        (words("fact.epochs"), [_decimal(run.progress.get("epochs")) for run in runs]),
        (words("fact.minutes"), [_decimal(run.progress.get("minutes")) for run in runs]),
        (words("fact.speed"), [_rounded(run.progress.get("speed")) for run in runs]),
        (words("fact.weights"), [code(run.weights) for run in runs]),
    ]
    names = [run.name for run in runs]
    yield from run_tables(words, words("runs.caption"), names, facts, report.commands("train"))
    yield from _missing_parts(report)


def _preface(report: ReportData) -> tuple[Span, ...]:
    before, _, after = report.words("preface").partition("{command}")
    return spans(before, code(report.command), after)


def _missing_parts(report: ReportData) -> Iterator[Block]:
    """Yield a notice for each part that a run lacks, with the command that creates it."""
    for run in report.runs:
        kinds = (("environment", run.environment), ("losses", run.losses), ("weights", run.weights))
        for kind, found in kinds:
            if not found:
                text = report.words(f"missing.{kind}", run=run.name)
                yield Missing(text, run.commands["train"])


def _shape(run: ReportedRun) -> str:
    data = run.environment.get("data", {})
    if "size" not in data:
        return NO_VALUE
    return f"{data.get('channels', '?')} x {str(data['size']).replace('x', ' x ')}"


def _size(run: ReportedRun, part: str) -> str:
    return format_count(run.parameters.get(part))


def _rounded(value: float | None) -> str:
    return NO_VALUE if value is None else f"{value:,.0f}"


def _decimal(value: float | None) -> str:
    return NO_VALUE if value is None else f"{value:,.1f}"


def data_chapter(report: ReportData, notes: Notes) -> Iterator[Block]:
    """Yield the chapter on counts, sizes, augmentation and sources of the images."""
    words, runs = report.words, report.runs
    yield Heading(words("data"))
    yield from _data_sources(report)
    yield from _unknown_sources(report, notes)
    yield Paragraph(spans(" ".join(_scalings(report))))
    facts: list[TableRow] = [
        (words(f"data.{key}"), [format_count(_data(run, key)) for run in runs]) for key in _COUNTS
    ]
    facts += [
        (words("data.reason"), [words.sentence(_data(run, "held_out_reason")) for run in runs]),
        (words("data.kind"), [words.kind(str(_data(run, "kind") or "")) for run in runs]),
        (words("data.size"), [str(_data(run, "size") or "") for run in runs]),
        (words("data.channels"), [format_count(_data(run, "channels")) for run in runs]),
        (words("data.mean"), [_numbers(run, "mean") for run in runs]),
        (words("data.std"), [_numbers(run, "std") for run in runs]),
        (words("data.labels"), [_labels(report, run) for run in runs]),
        (words("data.augmentation"), [augmentation(report, run) for run in runs]),
        (
            words("data.content"),
            [code(str(_data(run, "content_hash") or "")[:_HASH]) for run in runs],
        ),
    ]
    names = [run.name for run in runs]
    yield from run_tables(words, words("data.caption"), names, facts, report.commands("data"))
    yield from _broken_files(report)


def _data(run: ReportedRun, key: str) -> Any:
    return run.environment.get("data", {}).get(key)


def _scalings(report: ReportData) -> list[str]:
    """Return a sentence on the scaling of the pixels for each kind of scaling among the runs."""
    ranges = dict.fromkeys(str(run.setting("data.range") or "full") for run in report.runs)
    limits = [text.replace(":", " … ") for text in ranges if text != "full"]
    plain = [report.words("data.scaling")] if len(limits) < len(ranges) else []
    return plain + [report.words("data.stretched", range=text) for text in limits]


def _numbers(run: ReportedRun, key: str) -> str:
    values = _data(run, key)
    return NO_VALUE if values is None else ", ".join(map(format_number, values))


def _labels(report: ReportData, run: ReportedRun) -> str:
    kind = str(run.setting("data.labels")).partition(":")[0]
    if kind == "kmeans" and run.classes:
        return report.words("data.groups", count=run.classes)
    return report.words("yes" if run.classes else "no")


def augmentation(report: ReportData, run: ReportedRun) -> str:
    """Return a description of the random augmentation of each image."""
    words, parts = report.words, []
    if run.setting("data.flip"):
        parts.append(words("augment.flip"))
    if run.setting("data.shift"):
        parts.append(words("augment.shift", pixels=run.setting("data.shift")))
    if run.setting("data.crop"):
        parts.append(words("augment.crop", share=f"{100 * (1 - run.setting('data.crop')):g} %"))
    if run.setting("data.augment"):
        names, chance = words.listed(run.setting("data.transforms")), run.setting("data.augment")
        text = words("augment.conditioned", transforms=names, chance=f"{chance:g}")
        parts.append(text + report.cite(augmentation_source(run.config)))
    return words.listed(parts) or words("none")


def _broken_files(report: ReportData) -> Iterator[Block]:
    for run in report.runs:
        broken = _data(run, "broken_files") or []
        names = [f"{file.get('name', '?')} ({file.get('reason', '?')})" for file in broken[:5]]
        if names:
            files = report.words.listed([*names, *(["…"] if len(broken) > 5 else [])])
            words = report.words("data.broken_files", run=run.name, files=files)
            yield Paragraph(spans(words))


def _data_sources(report: ReportData) -> Iterator[Block]:
    """Yield where the images come from, and their license."""
    lines = []
    for name in dict.fromkeys(run.data_name for run in report.runs):
        source = report.data_sources.get(name)
        if source is not None:
            values = report.words.dataset(name, source)
            cited = report.cite(f"data:{name}")
            lines.append(spans(report.words("data.source", name=name, cite=cited, **values)))
    if lines:
        yield Items(tuple(lines))


def _unknown_sources(report: ReportData, notes: Notes) -> Iterator[Block]:
    """Yield the author's passage on data sets outside the catalog, or a box for it."""
    used = dict.fromkeys(run.data_name for run in report.runs)
    names = [name for name in used if name not in report.data_sources]
    if "data" in notes.own:
        yield from notes.own["data"]
    elif names:
        words = report.words
        prompt = words("own.data.prompt", names=words.listed(names))
        yield Blank(words("own.label"), prompt)
