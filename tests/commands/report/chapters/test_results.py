"""Losses, strips and evaluations: shown where they exist, and silent where they do not."""

from __future__ import annotations

from typing import Any

from ddpm.commands.report.chapters.results import (
    evaluation_chapter,
    process_chapter,
    training_chapter,
)
from ddpm.commands.report.report_data import ReportData
from ddpm.commands.report.words.languages import Words
from ddpm.documents.citations import Citations
from ddpm.documents.document import Figure, Heading, Paragraph, Table, plain
from tests.commands.report.test_report_document import EVALUATION, gan, run


def report(*runs: Any) -> ReportData:
    return ReportData(runs, (), Words(), Citations({}))


def test_losses_are_means_over_named_windows_and_plots_float() -> None:
    heading, table, figure = training_chapter(report(run()))
    assert heading == Heading("Training")
    assert isinstance(table, Table) and isinstance(figure, Figure) and figure.floating
    assert table.rows[0] == ("training loss", "0.136, mean of the last 23 iterations")
    assert table.rows[1][1] == "0.131"


def test_the_step_of_memorization_is_a_count() -> None:
    _, table, _ = training_chapter(report(run(losses={"memorization": {"value": 12000}})))
    assert isinstance(table, Table) and table.rows == (("memorization begins at step", "12,000"),)


def test_both_processes_stand_side_by_side_in_cells_of_one_size() -> None:
    _, frames, strips = process_chapter(report(run()))
    assert isinstance(frames, Figure) and isinstance(strips, Figure)
    assert strips.pictures == ("figures/a-forward.png", "figures/a-backward.png")
    assert strips.shares == (6.0, 8.0)
    assert strips.commands == ("ddpm forward runs/a", "ddpm sample runs/a")


def test_images_of_the_model_in_the_forward_process_are_called_so_and_need_no_data() -> None:
    _, _, strips = process_chapter(report(run(forward_from_data=False)))
    assert isinstance(strips, Figure) and "images sampled from the model" in strips.caption
    assert strips.commands == ("ddpm sample runs/a",)


def test_a_report_of_gans_has_no_chapter_on_the_process() -> None:
    assert list(process_chapter(report(gan()))) == []


def test_an_evaluation_says_what_was_compared_with_what() -> None:
    blocks = list(evaluation_chapter(report(run(), gan())))
    (text,) = [plain(block.line) for block in blocks if isinstance(block, Paragraph)]
    assert text.startswith(
        "a: 1,000 images of seeds 0 to 999, sampled with dpm++2m, 20 steps at 41.3 images/s, against "
        "60,000 training images."
    )
    (shares,) = [block for block in blocks if isinstance(block, Table)]
    assert shares.rows == (("generated", "0.099"), ("real", "0.101"))
    assert list(evaluation_chapter(report(gan()))) == []


def test_notes_on_an_evaluation_are_sentences() -> None:
    note = {"code": "n_available", "n": 60, "usual": 1000}
    measured = run(evaluation={**EVALUATION, "notes": [note]})
    blocks = list(evaluation_chapter(report(measured)))
    (text,) = [plain(block.line) for block in blocks if isinstance(block, Paragraph)]
    assert text.endswith("Note: n is 60 instead of 1000: there are only 60 images.")
