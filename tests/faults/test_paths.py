"""Paths with bytes that are not UTF-8, line breaks, bidi marks and escapes: every command takes them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import unicodedata
import zipfile
from pathlib import Path

import pytest

from ddpm.commands import COMMANDS

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="macOS and Windows refuse such names"
)
ESCAPE, BIDI = "\x1b[31m", "\u202e"
HOSTILE = b"caf\xe9\n" + f"{ESCAPE}{BIDI}'$(x)`|<b>&#*".encode()
ENVIRONMENTS = {
    "UTF-8": {"PYTHONUTF8": "1"},
    "LC_ALL=C": {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"},
}
SHORT = (
    "compare",
    "--comparison",
    "sampler-lab",
    "plan",
    "doctor",
    "evaluate",
    "distill",
    "polish",
    "page",
    "interpolate",
    "inpaint",
    "refine",
    "forward",
    "runs",
    "grade",
)  # left out with LC_ALL=C, which changes paths alone
TEXTS = (".md", ".json", ".jsonl", ".csv", ".html", ".txt", ".py", ".svg")
WITHOUT_RUNS = {"demo", "studio", "completion"}  # the studio: tests/studio/test_run_index.py


def unsafe(text: str, allowed: str = "\n\t") -> set[str]:
    """The characters that a terminal, a reader or a page would act on."""
    return {c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs") and c not in allowed}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_command_takes_a_run_of_any_name(tmp_path: Path, environment: str) -> None:
    folder = tmp_path / os.fsdecode(HOSTILE)
    folder.mkdir()
    program = [sys.executable, "-m", "tests.faults.hostile_commands", folder, HOSTILE]
    program += [] if environment == "UTF-8" else SHORT
    root = Path(__file__).parents[2]
    paths = os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])
    variables = os.environ | ENVIRONMENTS[environment] | {"PYTHONPATH": paths}
    done = subprocess.run(program, cwd=folder, env=variables, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")
    found = json.loads(done.stdout)
    left_out = WITHOUT_RUNS if environment == "UTF-8" else {*WITHOUT_RUNS, *SHORT}
    assert {words[0] for words, _, _ in found} == set(COMMANDS) - left_out
    for words, status, said in found:
        assert status == (1 if words[0] == "doctor" else 0), (words, said)
        assert not unsafe(said) and "damaged" not in said, (words, said)
        for line in said.splitlines():  # a name is never broken into lines
            assert not line.endswith("caf\\udce9") and not line.startswith("\\x1b"), (words, said)
    assert "caf\\udce9\\n\\x1b[31m" in "".join(said for _, _, said in found)
    for path in filter(Path.is_file, tmp_path.rglob("*")):
        if path.suffix in TEXTS:
            text = path.read_bytes().decode("utf-8")  # strict
            assert not unsafe(text) and "caf\\udce9\n" not in text, path
    (handed,) = tmp_path.rglob("*_hw2_2.zip")
    with zipfile.ZipFile(handed) as archive:
        assert not any(unsafe(name, "") for name in archive.namelist())
