"""`ddpm report` as its user meets it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ddpm.cli import main
from ddpm.commands.options import verb_options
from ddpm.commands.report.words.languages import LANGUAGES


@pytest.mark.parametrize("verb", ["report", "bundle"])
def test_the_languages_are_those_there_are_words_in(verb: str) -> None:
    option = next(option for option in verb_options(verb) if option.name == "language")
    assert option.choices is not None and list(option.choices) == list(LANGUAGES)


def test_a_bad_request_is_one_sentence_and_exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "nowhere"]) == 2
    error = capsys.readouterr().err
    assert error == "ddpm: nowhere is not a run folder; pass a folder created by ddpm train.\n"
    assert list(Path().iterdir()) == []


def test_every_option_reaches_the_report(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "digits", "--steps", "2", "--out", "r", "--set", "network.channels=8",
                 "--set", "sampling.steps=2"]) == 0  # fmt: skip
    Path("my.md").write_text("# 結論\n\n完成。", "utf-8")
    capsys.readouterr()
    options = ["--lang", "zh-TW", "--title", "T", "--author", "A", "--student-id", "7",
               "--notes", "my.md", "--device", "cpu", "--out", "there/x.pdf"]  # fmt: skip
    assert main(["report", "r", *options]) == 0
    assert capsys.readouterr().out.splitlines() == ["there/x.pdf", "there/x.md", "there/x-figures"]
    page = Path("there/x.md").read_text("utf-8")
    assert page.startswith("# T\n\nA  \n學號 7\n") and "完成。" in page
