"""The parser: every command has a help page, and a wrong value is a sentence."""

from __future__ import annotations

import re

import pytest

from ddpm.cli import main
from ddpm.cli.parser import build_parser
from ddpm.commands import COMMANDS, GROUPS


def test_every_command_has_a_help_page() -> None:
    verbs = next(a for a in build_parser()._actions if hasattr(a, "choices") and a.choices)
    assert set(verbs.choices) == {  # type: ignore[arg-type]
        "demo", "train", "sample", "forward", "interpolate", "inpaint", "refine", "bundle", "evaluate",
        "compare", "report", "data", "plan", "doctor", "export", "runs", "sampler-lab", "distill", "ema",
        "completion", "studio", "import", "grade", "polish",
    }  # fmt: skip
    for parser in verbs.choices.values():  # type: ignore[union-attr]
        assert len(parser.format_help()) > 80


def test_help_lists_every_command_once_in_its_group(capsys: pytest.CaptureFixture[str]) -> None:
    page = build_parser([]).format_help()
    groups = re.split(r"\n  ([a-z ]+):\n", page.split("options:\n")[0])[1:]
    assert tuple(groups[::2]) == GROUPS
    for group, lines in zip(groups[::2], groups[1::2], strict=True):
        verbs = [line.split()[0] for line in lines.splitlines() if re.match(r"    \S", line)]
        assert verbs == [verb for verb, row in COMMANDS.items() if row.group == group]
    assert main([]) == 0
    assert capsys.readouterr().out == page


def test_only_the_asked_commands_load_their_options() -> None:
    parser = build_parser(["runs"])
    verbs = next(a for a in parser._actions if hasattr(a, "choices") and a.choices)
    assert "folder that holds the runs" in verbs.choices["runs"].format_help()  # type: ignore[union-attr]
    assert "--steps" not in verbs.choices["train"].format_help()  # type: ignore[union-attr]


def test_an_error_is_one_sentence_and_the_help_to_read(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        build_parser().parse_args(["train", "digits", "--steps", "no\x1b[31mne"])
    said = capsys.readouterr()
    assert stopped.value.code == 2 and said.out == ""
    first, second = said.err.splitlines()
    assert first.startswith("ddpm: --steps: ") and first.endswith(".") and "\x1b" not in first
    assert second == "See: ddpm train --help"


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        build_parser().parse_args(["--version"])
    assert stopped.value.code == 0
    assert re.fullmatch(
        r"ddpm-studio(, run from source| \d+\.\d+\.\d+\S*)\n", capsys.readouterr().out
    )
