"""Completion scripts: they list every command and option, and bash completes with them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ddpm.cli import main
from ddpm.cli.parser import build_parser
from ddpm.commands import COMMANDS
from ddpm.commands.completion.command import COMPLETION_OPTIONS
from ddpm.commands.completion.completion import _actions, completion_script

SHELLS = list(COMPLETION_OPTIONS[0].choices or ())


def listed(shell: str, option: str) -> str:
    """How a script of `shell` writes an option."""
    if shell != "fish":
        return option
    return f"-l {option[2:]}" if option.startswith("--") else f"-s {option[1:]}"


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_lists_every_command_and_option(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    options = {name for action in _actions(build_parser()) for name in action.option_strings}
    assert len(options) > 50
    for verb in COMMANDS:
        assert verb in script, verb
    for option in options:
        written = listed(shell, option), listed(shell, option).replace(" ", " '") + "'"
        assert any(text in script for text in written), option


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["sam"], ["sample", "sampler-lab"]),
        (["sample", "--gu"], ["--guidance"]),
        (["data", "ins"], ["inspect"]),
        (["sample", "run", "--sampler", "heu"], ["heun"]),
        (["export", "we"], ["weights"]),
    ],
)
def test_bash_completes(words: list[str], found: list[str], tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    (tmp_path / "script.bash").write_text(completion_script(build_parser(), "bash"), "utf-8")
    typed, before = words[-1], ["ddpm", *words[:-1]]
    code = (
        f"source ./script.bash; COMP_WORDS=(ddpm {' '.join(words)}); COMP_CWORD={len(words)}; "
        f"_shtab_ddpm ddpm {typed} {before[-1]}; echo ${{COMPREPLY[@]}}"
    )
    done = subprocess.run(
        ["bash", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == found and not done.stderr


def test_another_shell_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["completion", "tcsh"])
    assert stop.value.code == 2 and "'bash', 'zsh', 'fish'" in capsys.readouterr().err
