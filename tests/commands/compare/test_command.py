"""`ddpm compare` as its user meets it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ddpm.cli import main


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for name, brightest in (("a", 256), ("b", 200), ("real", 256)):
        count = 150 if name == "real" else 60
        np.savez(f"{name}.npz", images=rng.integers(0, brightest, (count, 1, 8, 8), np.uint8))


def test_compare_prints_the_verdicts_and_where_everything_lies(
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = ["--reference", "real.npz", "--features", "digits", "-n", "40", "--out", "out"]
    assert main(["compare", "a.npz", "b.npz", *options]) == 0
    lines = capsys.readouterr().out.splitlines()
    brightness = next(line for line in lines if line.startswith("brightness"))
    assert brightness.endswith("a is better")
    assert lines[-1].startswith("out: comparison.json, table.md, table.csv, grids.png")
    assert Path("out/comparison.json").is_file()


def test_blind_and_tally(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "a.npz", "b.npz", "--blind", "--no-real", "-n", "10"]) == 0
    printed = capsys.readouterr().out
    assert "comparison/blind/sheet.png" in printed
    form = Path("comparison/blind/form.csv")
    lines = form.read_text("utf-8").splitlines()
    form.write_text(
        "\n".join(f"{line}3" if line[0].isdecimal() else line for line in lines), "utf-8"
    )
    assert main(["compare", "--tally", str(form)]) == 0
    assert "quality: not distinguishable at n=10" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "2 to 6"),
        (["a.npz", "--tally", "form.csv"], "leave out the runs"),
        (["--tally", "missing.csv"], "missing.csv cannot be read"),
        (["a.npz", "b.npz"], "--reference"),
        (["a.npz", "b.npz", "--steps", "5"], "Sampling options apply to diffusion models"),
    ],
)
def test_bad_requests_are_one_sentence(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert line.startswith("ddpm: ") and words in line
    assert not Path("comparison").exists()
