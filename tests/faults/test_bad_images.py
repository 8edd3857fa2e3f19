"""Hundreds of hostile image files in one folder: no crash, no hang, bounded memory, each accounted for."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ddpm.cli import main
from ddpm.data.source_detection import open_source
from ddpm.terminal import printable_name
from tests.faults import hostile_images

SECONDS = 120
MEMORY = 1 << 30  # bytes of address space on top of what the imports take
CHILD = """
import json, sys
from pathlib import Path
from ddpm.data.inspection import inspect_images
from ddpm.data.dataset import Preparation, prepare_dataset
try:
    import resource
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + int(sys.argv[3]),) * 2)
except (ImportError, OSError):  # this system sets no such limits
    pass
path, cache_dir = Path(sys.argv[1]), Path(sys.argv[2])
every, small = Preparation(8, 3, all_images=True), Preparation(8, 3)
report = prepare_dataset(path, every, cache_dir=cache_dir).report
listed = inspect_images(path, small, cache_dir=cache_dir).broken
print(json.dumps({"report": report, "listed": listed}))
"""


class Found(NamedTuple):
    verdicts: dict[str, str]  # printable name -> good, bad or either
    report: dict[str, Any]
    listed: list[dict[str, str]]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    """The corpus looked through by a process of its own, its memory and time bounded."""
    root, cache = tmp_path_factory.mktemp("corpus") / "set", tmp_path_factory.mktemp("cache")
    verdicts = {
        printable_name(name): verdict for name, verdict in hostile_images.write(root).items()
    }
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(root), str(cache), str(MEMORY)],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return Found(verdicts, **json.loads(done.stdout))


def test_the_corpus_is_large_and_always_the_same(found: Found) -> None:
    assert len(found.verdicts) >= 200
    assert hostile_images.corpus() == hostile_images.corpus()


def test_every_file_is_used_or_listed_with_its_reason(found: Found) -> None:
    report, broken = found.report, {row["name"]: row["reason"] for row in found.listed}
    assert report["given"] == len(found.verdicts) == report["used"] + report["broken"]
    assert len(broken) == report["broken"]
    assert set(broken) <= set(found.verdicts)
    for name, reason in broken.items():
        assert reason and reason.isprintable() and name.isprintable()


def test_whole_images_are_used_and_hostile_ones_are_not(found: Found) -> None:
    refused = {row["name"] for row in found.listed}
    whole = {name for name, verdict in found.verdicts.items() if verdict == "good"}
    hopeless = {name for name, verdict in found.verdicts.items() if verdict == "bad"}
    assert whole & refused == set()
    assert hopeless - refused == set()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("promised-50000x50000.png", "has more than 89,478,485 pixels"),
        ("scans.jpg", "has more than 500 JPEG scans"),
        ("pipe.png", "is a pipe or a device, not a file"),
        ("self.png", "cannot be read"),
        ("empty.png", "is empty"),
        ("heic.png", "is a HEIC image, which cannot be read; save it as JPEG or PNG"),
        ("float.png", "has floating-point pixels of unknown range"),
        ("size-1x40.png", "is too small"),
    ],
)
def test_the_reason_says_what_is_wrong(found: Found, name: str, reason: str) -> None:
    path = f"bad/{name}"
    if path not in found.verdicts:
        pytest.skip("this system has no such files")
    assert next(row["reason"] for row in found.listed if row["name"] == path).startswith(reason)


def test_a_folder_below_a_thousand_others_is_read(tmp_path: Path) -> None:
    """Deeper than Python's stack, shallower than the longest path."""
    below, made = tmp_path / "set", []
    try:
        for _ in range(900):
            below.mkdir()
            made.append(below)
            below = below / "d"
        (made[-1] / "a.png").write_bytes(b"x")
        assert len(open_source(tmp_path / "set")) == 1
    except OSError:
        pytest.skip("this system does not let folders lie so deep")
    finally:
        (made[-1] / "a.png").unlink(missing_ok=True)
        for folder in reversed(made):
            folder.rmdir()


def test_inspect_says_so_on_one_line_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A name cannot start a line of its own or give the terminal orders."""
    root = tmp_path / "set"
    root.mkdir()
    for name, data in hostile_images.oddities().items():
        (root / Path(name).name).write_bytes(data)
    try:
        (root / "two\nlines \x1b[2J.png").write_bytes(b"no image")
    except OSError:
        pytest.skip("this system allows no such names")
    assert main(["data", "inspect", str(root), "--out", str(tmp_path / "sheet.png")]) == 0
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "two\\nlines \\x1b[2J.png  is not an image\n" in shown


def test_a_set_of_hostile_files_alone_is_refused_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "set"
    root.mkdir()
    for name, data in hostile_images.lies().items():
        if name.startswith("bad/"):
            (root / Path(name).name).write_bytes(data)
    assert main(["data", "prepare", str(root)]) == 2
    error = capsys.readouterr().err
    assert "can be used" in error and error.count("\n") == 1
