"""The chapter on the networks, as diagrams, and the appendix on all hyperparameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath

from ddpm.commands.report.report_data import COLUMNS, ReportData, ReportedRun
from ddpm.commands.report.words.languages import Words
from ddpm.config import family_of
from ddpm.documents.document import (
    Block,
    Cell,
    Figure,
    Heading,
    Paragraph,
    Span,
    Table,
    code,
    spans,
)
from ddpm.documents.tables import NO_VALUE, format_count
from ddpm.models.sources import ignored_settings


def network_chapter(report: ReportData) -> Iterator[Block]:
    """Yield a diagram of each network; runs with the same networks share it."""
    words = report.words
    yield Heading(words("network"))
    drawn: dict[tuple[str, ...], str] = {}
    for run in report.runs:
        parts = [key for key in run.pictures if key.startswith("network-")]
        shown = tuple(run.pictures[key] for key in parts)
        if shown in drawn:
            yield Paragraph(spans(words("network.same", run=run.name, other=drawn[shown])))
        elif shown:
            drawn[shown] = run.name
            yield _networks(report, run, parts)


def _networks(report: ReportData, run: ReportedRun, keys: Sequence[str]) -> Block:
    """Return the figure of a run's networks, side by side."""
    words, parts = report.words, [key.removeprefix("network-") for key in keys]
    sizes = {part: run.parameters.get(part) for part in parts}
    named = [
        words("network.part", network=words(f"part.{part}"), parameters=format_count(size))
        for part, size in sizes.items()
    ]
    caption = words("network.caption", networks=words.listed(named), run=run.name)
    shown = tuple(run.pictures[key] for key in keys)
    return Figure(caption, shown, 0.96, (run.commands["train"],))


def settings_appendix(report: ReportData) -> Iterator[Block]:
    """Yield the appendix: every key of every config.json, section by section, runs side by side."""
    words, runs = report.words, report.runs
    yield Heading(words("settings"), appendix=True)
    for start in range(0, len(runs), COLUMNS):
        part = runs[start : start + COLUMNS]
        used = {name for run in part for name in _sections(run)}
        sections = [name for run in part for name in run.config if name in used]
        yield Table(
            caption=words("settings.caption"),
            head=(words("settings.key"), words("settings.meaning"), *[run.name for run in part]),
            rows=tuple(
                row
                for name in ("", *dict.fromkeys(sections))
                for row in _section(words, part, name)
            ),
            align="ll" + "r" * len(part),
            commands=tuple(run.commands["train"] for run in part),
            shares=(1.55, 2.3, *[1.1] * len(part)),
        )


def _sections(run: ReportedRun) -> tuple[str, ...]:
    """Return the configuration sections that a run's model uses; all if the family is unknown."""
    family = family_of(run.config)
    every = tuple(name for name, value in run.config.items() if isinstance(value, Mapping))
    return every if family is None else tuple(name for name in family.sections if name in every)


def _section(words: Words, runs: Sequence[ReportedRun], section: str) -> Iterator[tuple[Cell, ...]]:
    """Yield the rows of one section under its name; "" stands for keys outside all sections."""
    if section:
        yield (Span(section, "strong"), "", *[""] * len(runs))
    for key in _keys(runs, section):
        path = f"{section}.{key}" if section else key
        cells = [_setting(words, run, path, section) for run in runs]
        yield (code(key), words.meaning(path), *cells)


def _keys(runs: Sequence[ReportedRun], section: str) -> list[str]:
    found = [run.config.get(section, {}) if section else run.config for run in runs]
    return list(
        dict.fromkeys(
            key
            for values in found
            for key, value in values.items()
            if not isinstance(value, Mapping)
        )
    )


def _setting(words: Words, run: ReportedRun, path: str, section: str) -> Cell:
    if (section and section not in _sections(run)) or path in ignored_settings(run.config):
        return NO_VALUE
    value = run.setting(path)
    if isinstance(value, bool):
        return words("yes" if value else "no")
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or words("none")
    if path == "data.path":  # without the author's folders
        return code(PurePath(str(value)).name)
    if value is None:
        return NO_VALUE
    return f"{value:g}" if isinstance(value, float) else str(value)
