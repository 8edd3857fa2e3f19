"""`ddpm bundle` as it is typed: a line a finding, exit 0 or 2, one sentence for a wrong request."""

from __future__ import annotations

import argparse
import io
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from ddpm.cli import main
from ddpm.cli.parser import build_parser
from ddpm.commands.bundle.command import picked_seeds

PDF = b"%PDF-1.7\nstartxref\n9\n%%EOF\n"


def handed_in(name: str = "0712345_hw2_2.zip", kind: str = "JPEG") -> str:
    """A zip of another program; its pictures are of `kind`, whatever they are called."""
    picture = io.BytesIO()
    Image.new("L", (30, 30)).save(picture, kind)
    with zipfile.ZipFile(name, "w") as archive:
        for inner in ("result_mnist.jpg", "loss_mnist.jpg", "result_anime.jpg", "loss_anime.jpg"):
            archive.writestr(inner, picture.getvalue())
        archive.writestr("report_0712345.pdf", PDF)
        archive.writestr("readme.txt", "what is what")
        archive.writestr("source/a.py", "print()")
    return name


def test_a_right_zip_passes_with_a_line_a_finding(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bundle", "--check", handed_in()]) == 0
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert len(lines) == 10 and captured.err == ""
    assert sum(line.startswith("ok ") for line in lines) == 8
    assert sum(line.startswith("not verifiable result_") for line in lines) == 2


def test_a_wrong_zip_is_refused_with_every_reason(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bundle", "--check", handed_in("hw.zip", "PNG")]) == 2
    captured = capsys.readouterr()
    assert captured.out.count("is a PNG file") == 4
    [line] = captured.err.splitlines()
    assert line.startswith("ddpm: hw.zip is not ready to hand in: ")
    assert line.count("is a PNG file") == 4 and "rename it to 0712345_hw2_2.zip" in line


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "--student-id, --mnist and --anime"),
        (["--student-id", "1", "--mnist", "m"], "--student-id, --mnist and --anime"),
        (["--student-id", "a/b", "--mnist", "m", "--anime", "a"], "letters, digits"),
        (["--student-id", "1", "--mnist", "m", "--anime", "a"], "m is not a run"),
        (["--check", "none.zip"], "There is no file none.zip"),
        (["--pick", "0-23"], "25 different seeds"),
        (["--pick", "3,3,0-22"], "25 different seeds"),
        (["--pick", "0-9999999999999"], "25 different seeds"),
        (["--pick", "digits=0-24"], "mnist or anime"),
        (["--pick", "few"], "at least 0"),
        (["--lang", "de"], "zh-TW"),
    ],
)
def test_wrong_requests_cost_one_sentence_and_write_nothing(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        status = main(["bundle", *arguments])
    except SystemExit as stop:
        status = int(stop.code or 0)
    captured = capsys.readouterr()
    [line] = [line for line in captured.err.splitlines() if line.startswith("ddpm")]
    assert status == 2 and words in line and captured.out == ""
    assert list(Path().iterdir()) == []


def test_picked_seeds_keep_their_order_and_their_grid() -> None:
    both = (9, 3, *range(40, 63))
    assert picked_seeds("9,3,40-62") == {"mnist": both, "anime": both}
    assert picked_seeds("anime=0-24") == {"anime": tuple(range(25))}
    options = build_parser().parse_args(
        ["bundle", "--pick", "9,3,40-62", "--pick", "anime=0-24", "--check", "x.zip"]
    )
    assert options.pick == [picked_seeds("9,3,40-62"), picked_seeds("anime=0-24")]
    for text in ("", "24-0", "1-25,30", "anime="):
        with pytest.raises(argparse.ArgumentTypeError):
            picked_seeds(text)
