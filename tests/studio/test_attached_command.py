"""A command that ends with its input."""

from __future__ import annotations

import subprocess
from pathlib import Path

from ddpm.studio.child_processes import child_environment, module_command


def start(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        module_command("ddpm.studio.attached_command", *words),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=child_environment(),
    )


def test_a_command_that_is_done_ends_as_usual() -> None:
    with start("runs") as process:
        assert process.wait(60) == 0
        assert process.stdout is not None and "no runs" in process.stdout.read()


def test_a_command_whose_input_is_closed_is_interrupted(workplace: Path) -> None:
    with start("sample", "bundled:mnist", "-n", "100000", "--png-dir", "out") as process:
        assert process.stdin is not None and process.stderr is not None
        line = process.stderr.readline()
        assert line.startswith("sampling 100000 images")
        process.stdin.close()
        assert process.wait(60) == 130
        assert "Stopped." in process.stderr.read()
    assert not list(workplace.rglob(".tmp-*"))
