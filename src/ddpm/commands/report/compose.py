"""The whole report, chapter by chapter, from its material and the author's notes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ddpm.commands.report.chapters.comparison import comparison_chapter
from ddpm.commands.report.chapters.configuration import network_chapter, settings_chapter
from ddpm.commands.report.chapters.method import method_chapter
from ddpm.commands.report.chapters.opening import data_chapter, reproduction_chapter, runs_chapter
from ddpm.commands.report.chapters.results import (
    evaluation_chapter,
    samples_chapter,
    training_chapter,
)
from ddpm.commands.report.material import Material
from ddpm.commands.report.notes import Notes, own_chapter
from ddpm.documents.citations import Source
from ddpm.documents.document import Block, Document, Heading, Items, Span, spans

SOFTWARE = ("pytorch", "numpy", "matplotlib", "studio")


@dataclass(frozen=True)
class Front:
    """What stands on top; an empty title is made from the runs' names."""

    title: str = ""
    author: str = ""
    student_id: str = ""


def compose(
    material: Material,
    front: Front,
    notes: Notes,
    *,
    schedule: str | None,
    uncompared: Sequence[tuple[str, str]] = (),
) -> Document:
    """The document. `schedule`: the schedules' figure, if any; `uncompared`: see `comparison_chapter`."""
    words = material.words
    blocks = [
        *runs_chapter(material),
        *data_chapter(material, notes),
        *method_chapter(material, schedule),
        *network_chapter(material),
        *settings_chapter(material),
        *training_chapter(material),
        *samples_chapter(material),
        *evaluation_chapter(material),
        *comparison_chapter(material, uncompared),
        *own_chapter(words, notes),
        *reproduction_chapter(material),
    ]
    blocks += sources_chapter(material)
    names = words.listed([run.name for run in material.runs])
    lines = [front.author, words("student", id=front.student_id) if front.student_id else ""]
    return Document(
        title=front.title or words("title", runs=names),
        lines=tuple(filter(None, lines)),
        blocks=tuple(blocks),
        language=words.language,
        terms=(words("table"), words("figure"), words("page")),
    )


def sources_chapter(material: Material) -> Iterator[Block]:
    """Every work, data set and program that was cited, by number; the programs are always used."""
    material.cite(*SOFTWARE)
    yield Heading(material.words("sources"))
    yield Items(tuple(_line(source) for source in material.cite.listed()), numbered=True)


def _line(source: Source) -> tuple[Span, ...]:
    if not source.link:
        return spans(f"{source.line}.")
    before, _, shown = source.line.rpartition(", ")
    if shown.startswith("arXiv:"):
        return spans(f"{before}, ", Span(shown, link=source.link), ".")
    return spans(f"{source.line}, ", Span(source.link, link=source.link), ".")
