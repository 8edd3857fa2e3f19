"""The data of a report: settings by their path, tables of at most four runs, counts of parameters."""

from __future__ import annotations

from ddpm.commands.report.report_data import ReportData, parameters_text, run_tables
from ddpm.commands.report.words.languages import Words
from ddpm.documents.citations import Citations
from tests.commands.report.test_report_document import gan, run


def test_a_setting_is_found_by_its_path() -> None:
    assert run().setting("training.batch_size") == run().config["training"]["batch_size"]
    assert run().setting("no.such") is run().setting("training.none") is None


def test_families_are_told_apart() -> None:
    assert (run().gan, run().student, gan().gan) == (False, False, True)
    assert not run(config={"model": "of the future"}).gan


def test_equal_commands_of_several_runs_are_named_once() -> None:
    report = ReportData([run(), run(), run("b")], [], Words(), Citations({}))
    assert report.commands("data") == ("ddpm data runs/a", "ddpm data runs/b")


def test_tables_hold_four_runs_and_no_empty_rows() -> None:
    names = [f"r{i}" for i in range(6)]
    facts = [("full", names), ("empty", ["–", ""] * 3)]
    tables = list(run_tables(Words(), "caption", names, facts))
    assert [table.rows for table in tables] == [(("full", *names[:4]),), (("full", *names[4:]),)]
    assert all(len(table.shares) == len(table.align) == len(table.head) for table in tables)


def test_several_networks_are_named_one_is_not() -> None:
    assert parameters_text(Words(), {"network": 680000}) == "680,000"
    sizes = {"generator": 1200, "discriminator": 9}
    assert parameters_text(Words(), sizes) == "generator 1,200, discriminator 9"
