"""Networks and settings: networks of one run side by side, and every key that its model uses."""

from __future__ import annotations

from typing import Any

from ddpm.commands.report.chapters.configuration import network_chapter, settings_appendix
from ddpm.commands.report.report_data import ReportData
from ddpm.commands.report.words.languages import Words
from ddpm.config import Config, NetworkConfig
from ddpm.documents.citations import Citations
from ddpm.documents.document import Figure, Span, Table, cell_text
from ddpm.documents.tables import NO_VALUE
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


def test_settings_that_a_kind_of_network_ignores_have_no_value() -> None:
    kinds = ("unet", "dit", "of-a-later-version")
    configs = [Config(network=NetworkConfig(kind=kind)).to_dict() for kind in kinds]  # type: ignore[arg-type]
    _, table = settings_appendix(report(*(run(config=config) for config in configs)))
    assert isinstance(table, Table)
    shown = {cell_text(row[0]): row[2:] for row in table.rows}
    assert shown["channels"] == ("32", NO_VALUE, "32")
    assert shown["depth"] == (NO_VALUE, "6", "6")
    assert shown["dropout"] == ("0", "0", "0")


def test_more_than_four_runs_take_another_table() -> None:
    blocks = settings_appendix(report(*(run(f"r{i}") for i in range(5))))
    tables = [block for block in blocks if isinstance(block, Table)]
    assert [len(table.head) for table in tables] == [6, 3]
