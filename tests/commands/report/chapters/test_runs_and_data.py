"""The chapters on runs and data: facts of the files, and what the author has to say."""

from __future__ import annotations

from typing import Any

from ddpm.commands.report.chapters.runs_and_data import augmentation, data_chapter, runs_chapter
from ddpm.commands.report.notes import Notes
from ddpm.commands.report.report_data import ReportData
from ddpm.commands.report.words.languages import Words
from ddpm.config import Config, with_overrides
from ddpm.documents.citations import Citations
from ddpm.documents.document import Blank, Items, Missing, Paragraph, Table, cell_text, plain
from tests.commands.report.test_report_document import DATA, gan, run


def report(*runs: Any, sources: Any = None) -> ReportData:
    return ReportData(
        runs, (), Words(), Citations({}), data_sources=sources or {}, command="ddpm report x"
    )


def facts(blocks: Any) -> dict[str, tuple[str, ...]]:
    (table,) = [block for block in blocks if isinstance(block, Table)]
    return {cell_text(row[0]): tuple(map(cell_text, row[1:])) for row in table.rows}


def test_the_facts_of_the_runs_stand_side_by_side() -> None:
    shown = facts(runs_chapter(report(run(), gan())))
    assert shown["model"] == ("DDPM", "DCGAN")
    assert shown["image (channels, height, width)"] == ("1 x 28 x 28", "1 x 28 x 28")
    assert shown["parameters: generator"] == ("–", "759,680")
    assert (shown["images seen"][0], shown["training images/s"][0]) == ("60,864", "103")


def test_the_preface_names_the_command_of_the_report() -> None:
    (preface,) = [b for b in runs_chapter(report(run())) if isinstance(b, Paragraph)]
    assert "written by ddpm report x from" in plain(preface.line)


def test_each_missing_part_has_a_notice() -> None:
    bare = run(environment={}, losses={}, weights="")
    assert len([b for b in runs_chapter(report(bare)) if isinstance(b, Missing)]) == 3


def test_counts_reasons_and_broken_files_are_shown() -> None:
    blocks = list(data_chapter(report(run()), Notes()))
    shown = facts(blocks)
    assert (shown["given"], shown["exact duplicates, excluded"]) == (("70,000",), ("123",))
    assert shown["source of the held-out images"] == ("the test files",)
    assert shown["content hash"] == (DATA["content_hash"][:12],)
    texts = [plain(block.line) for block in blocks if isinstance(block, Paragraph)]
    assert "Broken files of a: a.png (is cut short)." in texts


def test_a_known_data_set_has_its_license_and_an_unknown_one_a_box() -> None:
    known = {"mnist": {"text": "digits", "license": "CC BY-SA 3.0"}}
    blocks = list(data_chapter(report(run(), sources=known), Notes()))
    (items,) = [block for block in blocks if isinstance(block, Items)]
    assert plain(items.lines[0]) == "mnist: digits [1]. License: CC BY-SA 3.0."
    assert not any(isinstance(block, Blank) for block in blocks)
    assert any(isinstance(block, Blank) for block in data_chapter(report(run()), Notes()))


def test_each_augmentation_is_told() -> None:
    config = with_overrides(Config(), ["data.flip=true", "data.shift=2"]).to_dict()
    text = augmentation(report(), run(config=config))
    assert (
        text
        == "horizontal flip with probability 1/2, random shift by up to 2 pixels in each direction"
    )
    assert augmentation(report(), run()) == "none"
