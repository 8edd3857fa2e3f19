"""Networks and settings: networks of one run side by side, and every key that its model uses."""

from __future__ import annotations

from typing import Any

from ddpm.commands.report.chapters.configuration import network_chapter, settings_appendix
from ddpm.commands.report.report_data import ReportData
from ddpm.commands.report.words.languages import Words
from ddpm.config import Config
from ddpm.documents.citations import Citations
from ddpm.documents.document import Figure, Span, Table, cell_text
from tests.commands.report.test_report_document import gan, run


def report(*runs: Any) -> ReportData:
    return ReportData(runs, (), Words(), Citations({}))


def test_the_networks_of_a_run_stand_side_by_side_with_their_sizes() -> None:
    figures = [
        block for block in network_chapter(report(run(), gan())) if isinstance(block, Figure)
    ]
    assert [figure.pictures for figure in figures] == [
        ("figures/a-network-network.png",), ("f/g.png", "f/d.png"),
    ]  # fmt: skip
    assert (
        "generator (759,680 parameters), discriminator (138,624 parameters)" in figures[1].caption
    )


def test_settings_are_written_for_readers_and_name_no_folder_of_the_author() -> None:
    config = Config().to_dict()
    config["data"] |= {"path": "/home/author/secret/faces", "flip": True, "transforms": []}
    _, table = settings_appendix(report(run(config=config)))
    assert isinstance(table, Table)
    shown = {cell_text(row[0]): row[2] for row in table.rows}
    assert shown["path"] == Span("faces", "code")
    assert (shown["flip"], shown["transforms"], shown["minutes"]) == ("yes", "none", "0")


def test_more_than_four_runs_take_another_table() -> None:
    blocks = settings_appendix(report(*(run(f"r{i}") for i in range(5))))
    tables = [block for block in blocks if isinstance(block, Table)]
    assert [len(table.head) for table in tables] == [6, 3]
