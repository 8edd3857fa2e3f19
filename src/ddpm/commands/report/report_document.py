"""The document of a report: its chapters and appendices in order, from its data and the author's notes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ddpm.commands.report.chapters.all_scores import scores_appendix
from ddpm.commands.report.chapters.comparison import comparison_appendix, comparison_chapter
from ddpm.commands.report.chapters.configuration import network_chapter, settings_appendix
from ddpm.commands.report.chapters.method import method_chapter
from ddpm.commands.report.chapters.reproduction import reproduction_appendix
from ddpm.commands.report.chapters.results import (
    evaluation_chapter,
    process_chapter,
    training_chapter,
)
from ddpm.commands.report.chapters.runs_and_data import data_chapter, runs_chapter
from ddpm.commands.report.chapters.summary import summary_chapter
from ddpm.commands.report.notes import Notes, own_chapter
from ddpm.commands.report.report_data import ReportData
from ddpm.documents.citations import Source
from ddpm.documents.document import Block, Document, Heading, Items, Span, spans

SOFTWARE = ("pytorch", "numpy", "matplotlib", "studio")


@dataclass(frozen=True)
class TitleBlock:
    """The title block; an empty title is made from the runs' names."""

    title: str = ""
    author: str = ""
    student_id: str = ""


def build_document(
    report: ReportData,
    front: TitleBlock,
    notes: Notes,
    *,
    schedule: str | None,
    uncompared: Sequence[tuple[str, str]] = (),
) -> Document:
    """Return the document. `schedule` is the figure of the noise schedules, if there is one.

    `uncompared`: see `comparison_chapter`.
    """
    words = report.words
    blocks = [
        *summary_chapter(report),
        *runs_chapter(report),
        *data_chapter(report, notes),
        *method_chapter(report, schedule),
        *network_chapter(report),
        *training_chapter(report),
        *process_chapter(report),
        *evaluation_chapter(report),
        *comparison_chapter(report, uncompared),
        *own_chapter(words, notes),
    ]
    appendix = [  # before the list of sources, which has to know what the appendix cites
        *settings_appendix(report),
        *scores_appendix(report),
        *comparison_appendix(report),
        *reproduction_appendix(report),
    ]
    blocks += [*sources_chapter(report), *appendix]
    names = words.listed([run.name for run in report.runs])
    lines = [front.author, words("student", id=front.student_id) if front.student_id else ""]
    return Document(
        title=front.title or words("title", runs=names),
        lines=tuple(filter(None, lines)),
        blocks=tuple(blocks),
        language=words.language,
        terms=(words("table"), words("figure"), words("page")),
    )


def sources_chapter(report: ReportData) -> Iterator[Block]:
    """Yield the numbered list of cited works, data sets and programs; the programs are always cited."""
    report.cite(*SOFTWARE)
    yield Heading(report.words("sources"))
    yield Items(tuple(_line(source) for source in report.cite.listed()), numbered=True)


def _line(source: Source) -> tuple[Span, ...]:
    if not source.link:
        return spans(f"{source.line}.")
    before, _, shown = source.line.rpartition(", ")
    if shown.startswith("arXiv:"):
        return spans(f"{before}, ", Span(shown, link=source.link), ".")
    return spans(f"{source.line}, ", Span(source.link, link=source.link), ".")
