"""The appendix on environment and commands: what ran where, and every command once."""

from __future__ import annotations

from ddpm.commands.report.chapters.reproduction import reproduction_appendix
from ddpm.commands.report.report_data import ReportData
from ddpm.commands.report.words.languages import Words
from ddpm.documents.citations import Citations
from ddpm.documents.document import Heading, Table, cell_text
from tests.commands.report.test_report_document import comparison, run


def test_versions_seed_and_every_command_are_listed() -> None:
    environment = {"torch": "2.13.0", "seed": 5, "commit": "abc", "device": "cpu"}
    data = ReportData(
        (run(environment=environment),), (comparison(),), Words(), Citations({}),
        command="ddpm report runs/a",
    )  # fmt: skip
    heading, _, machine, commands = reproduction_appendix(data)
    assert isinstance(heading, Heading) and heading.appendix
    assert isinstance(machine, Table) and isinstance(commands, Table)
    shown = {cell_text(row[0]): cell_text(row[1]) for row in machine.rows}
    assert shown == {"PyTorch": "2.13.0", "commit": "abc", "device": "cpu", "seed": "5"}
    assert [tuple(map(cell_text, row)) for row in commands.rows] == [
        ("a: training", "ddpm train runs/a"),
        ("a: samples and GIF", "ddpm sample runs/a"),
        ("a: evaluation", "ddpm evaluate runs/a"),
        ("comparison", "ddpm compare runs/a runs/b"),
        ("this report", "ddpm report runs/a"),
    ]
