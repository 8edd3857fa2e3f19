"""Processes of the studio run this package, whatever lies in the current folder."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import ddpm
from ddpm.studio.child_processes import child_environment, module_command


def test_a_module_of_the_current_folder_is_not_run(workplace: Path) -> None:
    for name in ("ddpm.py", "argparse.py", "json.py"):
        (workplace / name).write_text("raise SystemExit('hijacked')", "utf-8")
    done = subprocess.run(
        module_command("ddpm", "--version"), capture_output=True, text=True, env=child_environment()
    )
    assert done.returncode == 0 and "ddpm-studio" in done.stdout, done.stderr


def test_the_environment_finds_this_package(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    paths = child_environment(MORE="1")["PYTHONPATH"].split(os.pathsep)
    assert Path(paths[0]) == Path(ddpm.__file__).resolve().parents[1] and paths[1] == "/elsewhere"
    assert child_environment(MORE="1")["MORE"] == "1"
