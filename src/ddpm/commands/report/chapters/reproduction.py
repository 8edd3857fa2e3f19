"""The appendix on the machine and the versions of each run, and on the commands that repeat it."""

from __future__ import annotations

from collections.abc import Iterator

from ddpm.commands.report.report_data import ReportData, ReportedRun, TableRow, run_tables
from ddpm.documents.document import Block, Cell, Heading, Paragraph, Table, code, spans

_ENVIRONMENT = (
    "python", "torch", "numpy", "ddpm", "commit", "platform", "processor", "device", "threads",
    "precision", "seed", "init",
)  # fmt: skip


def reproduction_appendix(report: ReportData) -> Iterator[Block]:
    """Yield the appendix on machine, versions, seeds and commands."""
    words, runs = report.words, report.runs
    yield Heading(words("reproduction"), appendix=True)
    yield Paragraph(spans(words("reproduction.seeds")))
    facts: list[TableRow] = [
        (words(f"environment.{key}"), [_environment(run, key) for run in runs])
        for key in _ENVIRONMENT
    ]
    names = [run.name for run in runs]
    yield from run_tables(words, words("environment.caption"), names, facts)
    yield _commands(report)


def _environment(run: ReportedRun, key: str) -> Cell:
    value = run.environment.get(key)
    text = "" if value is None else str(value)
    return code(text) if key in ("commit", "platform", "init") and text else text


def _commands(report: ReportData) -> Table:
    words = report.words
    rows: list[tuple[Cell, ...]] = []
    for run in report.runs:
        made = [kind for kind in ("train", "sample", "evaluate") if kind in run.commands]
        rows += [
            (words(f"commands.{kind}", run=run.name), code(run.commands[kind])) for kind in made
        ]
    for comparison in report.comparisons:
        rows.append((words("commands.compare"), code(str(comparison.row.get("command", "")))))
    rows.append((words("commands.report"), code(report.command)))
    head = (words("commands.does"), words("commands.command"))
    return Table(words("commands.caption"), head, tuple(rows), "ll", shares=(1.0, 2.6))
