"""An interrupted `ddpm sample` is continued by the same command, with the bits of an uninterrupted one."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from ddpm.cli.main import main
from ddpm.commands.sample.sample import SampleRequest, write_samples
from tests.commands.sample.interruptions import (
    KILL,
    SETTINGS,
    WORDS,
    arrays,
    pixels,
    stop_by,
)


@pytest.mark.parametrize("number", [KILL, signal.SIGINT])
def test_a_killed_command_goes_on_at_the_missing_seeds(
    number: int, chunks: list[list[int]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*WORDS, "--png-dir", "whole", "--out", "whole.npz"]) == 0
    stopped = stop_by(number, "--png-dir", "half", "--out", "half.npz")
    assert stopped.returncode == 130 if number == signal.SIGINT else stopped.returncode != 0
    assert sorted(pixels("half")) == [f"{seed:06d}.png" for seed in range(8)]
    assert not Path("half.npz").exists() and Path("half.npz.partial").exists()
    chunks.clear()
    capsys.readouterr()
    assert main([*WORDS, "--png-dir", "half", "--out", "half.npz"]) == 0
    assert chunks == [[8, 9]]
    assert "half: 8 of 10 images are already sampled" in capsys.readouterr().err
    assert pixels("half") == pixels("whole")
    assert arrays("half.npz") == arrays("whole.npz")
    left = sorted(path.name for path in Path().iterdir())
    assert left == ["half", "half.npz", "whole", "whole.npz"]


def test_ctrl_c_says_what_the_same_command_will_do() -> None:
    stopped = stop_by(signal.SIGINT, "--png-dir", "half")
    assert stopped.stderr.splitlines()[-2:] == [
        "half: 8 of 10 images are saved; the same command samples the others",
        "ddpm: Stopped. Nothing is damaged; run the same command again.",
    ]


def test_only_chunks_with_a_missing_image_are_drawn(chunks: list[list[int]]) -> None:
    assert main([*WORDS, "--png-dir", "a"]) == 0
    whole = pixels("a")
    Path("a/000005.png").unlink()
    Path("a/.tmp-killed.png").write_bytes(b"half")
    chunks.clear()
    assert main([*WORDS, "--png-dir", "a"]) == 0
    assert chunks == [[4, 5, 6, 7]] and pixels("a") == whole
    chunks.clear()
    assert main([*WORDS, "--png-dir", "a"]) == 0
    assert chunks == []


def test_more_images_continue_fewer(chunks: list[list[int]]) -> None:
    write_samples("digits", SETTINGS, SampleRequest(n=6, png_dir=Path("a")))
    write_samples("digits", SETTINGS, SampleRequest(n=10, png_dir=Path("b")))
    chunks.clear()
    write_samples("digits", SETTINGS, SampleRequest(n=10, png_dir=Path("a")))
    assert chunks == [[4, 5, 6, 7], [8, 9]] and pixels("a") == pixels("b")


def test_a_grid_and_a_gif_beside_a_continued_folder_are_whole() -> None:
    more = ["--grid", "2x5", "--gif", "--out", "a.png"]
    assert main([*WORDS, "--png-dir", "a", *more]) == 0
    whole = Path("a.png").read_bytes(), Path("a.gif").read_bytes()
    Path("a/000009.png").unlink()
    assert main([*WORDS, "--png-dir", "a", *more]) == 0
    assert (Path("a.png").read_bytes(), Path("a.gif").read_bytes()) == whole
