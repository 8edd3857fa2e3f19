"""An interrupted `ddpm sample` is continued by the same command, with the bits of an uninterrupted one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ddpm.cli.main import main
from ddpm.commands.sample.sample import SampleRequest, write_samples
from ddpm.errors import RequestError

SETTINGS = ["sampling.steps=2", "sampling.chunk=4"]
WORDS = ["sample", "digits", "-n", "10", "--steps", "2", "--set", "sampling.chunk=4"]

KILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # Windows has no SIGKILL

# Draws chunks of 4 and sends itself the signal before the third.
KILLED = """
import os, sys
from ddpm.cli.main import main
from ddpm.commands.sample import chunked_drawing

drawn, draw = [], chunked_drawing.draw_images

def stop_at_the_third(*words, **named):
    if len(drawn) == 2:
        os.kill(os.getpid(), int(sys.argv[1]))
    drawn.append(0)
    return draw(*words, **named)

chunked_drawing.draw_images = stop_at_the_third
sys.exit(main(sys.argv[2:]))
"""


def stop_by(number: int, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", KILLED, str(int(number)), *WORDS, *words]
    return subprocess.run(command, capture_output=True, text=True, env=dict(os.environ))


def pixels(folder: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def arrays(path: str) -> dict[str, bytes]:
    with np.load(path) as stored:
        return {name: stored[name].tobytes() for name in stored.files}


@pytest.fixture
def chunks(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """The seeds of each chunk drawn in this process."""
    from ddpm.commands.sample import chunked_drawing

    drawn: list[list[int]] = []
    draw = chunked_drawing.draw_images

    def watched(model, seeds, *words, **named):  # type: ignore[no-untyped-def]
        drawn.append(list(seeds))
        return draw(model, seeds, *words, **named)

    monkeypatch.setattr(chunked_drawing, "draw_images", watched)
    return drawn


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
    assert "half: 8 of 10 images are already drawn" in capsys.readouterr().err
    assert pixels("half") == pixels("whole")
    assert arrays("half.npz") == arrays("whole.npz")
    left = sorted(path.name for path in Path().iterdir())
    assert left == ["half", "half.npz", "whole", "whole.npz"]


def test_ctrl_c_says_what_the_same_command_will_do() -> None:
    stopped = stop_by(signal.SIGINT, "--png-dir", "half")
    assert stopped.stderr.splitlines()[-2:] == [
        "half: 8 of 10 images are saved; the same command draws the others",
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


@pytest.mark.parametrize(
    ("overrides", "request_"),
    [
        (SETTINGS, SampleRequest(n=10, label="3", png_dir=Path("a"))),
        (SETTINGS, SampleRequest(n=10, seed=1, png_dir=Path("a"))),
        (SETTINGS, SampleRequest(n=2, png_dir=Path("a"))),
        (["sampling.steps=3", "sampling.chunk=4"], SampleRequest(n=10, png_dir=Path("a"))),
        (["sampling.steps=2"], SampleRequest(n=10, png_dir=Path("a"))),
    ],
)
def test_a_folder_of_another_request_is_refused(
    overrides: list[str], request_: SampleRequest
) -> None:
    write_samples("digits", SETTINGS, SampleRequest(n=4, png_dir=Path("a")))
    before = pixels("a")
    with pytest.raises(RequestError, match=r"a is not empty, and 00000\d.png is not an image of"):
        write_samples("digits", overrides, request_)
    assert pixels("a") == before


@pytest.mark.parametrize("name", ["000001.png", "notes.txt", "1.png", "000099.png", ".DS_Store"])
def test_a_folder_with_other_files_is_refused(name: str) -> None:
    Path("a").mkdir()
    Image.new("L", (8, 8)).save(f"a/{name}", "PNG")
    with pytest.raises(RequestError, match=f"a is not empty, and {name} is not an image of"):
        write_samples("digits", SETTINGS, SampleRequest(n=4, png_dir=Path("a")))


def test_a_partial_array_of_another_request_is_replaced(chunks: list[list[int]]) -> None:
    assert stop_by(KILL, "--out", "a.npz").returncode != 0 and Path("a.npz.partial").exists()
    write_samples("digits", SETTINGS, SampleRequest(n=5, seed=3, out=Path("a.npz")))
    write_samples("digits", SETTINGS, SampleRequest(n=5, seed=3, out=Path("b.npz")))
    assert chunks[0] == [3, 4, 5, 6] and arrays("a.npz") == arrays("b.npz")


@pytest.mark.parametrize("cut", [1, 64, 300])
def test_a_torn_partial_array_is_continued_at_a_whole_chunk(
    cut: int, chunks: list[list[int]], make_partial: Callable[[int], None]
) -> None:
    make_partial(cut)
    assert main([*WORDS, "--out", "a.npz"]) == 0
    first = [4, 5, 6, 7] if cut <= 256 else [0, 1, 2, 3]
    assert chunks[0] == first
    assert main([*WORDS, "--out", "b.npz"]) == 0
    assert arrays("a.npz") == arrays("b.npz")


@pytest.fixture
def make_partial() -> Callable[[int], None]:
    """make_partial(cut): a.npz.partial of 8 images without its last `cut` bytes."""

    def make(cut: int) -> None:
        stop_by(KILL, "--out", "a.npz")
        path = Path("a.npz.partial")
        path.write_bytes(path.read_bytes()[:-cut])

    return make


def test_a_grid_and_a_gif_beside_a_continued_folder_are_whole() -> None:
    more = ["--grid", "2x5", "--gif", "--out", "a.png"]
    assert main([*WORDS, "--png-dir", "a", *more]) == 0
    whole = Path("a.png").read_bytes(), Path("a.gif").read_bytes()
    Path("a/000009.png").unlink()
    assert main([*WORDS, "--png-dir", "a", *more]) == 0
    assert (Path("a.png").read_bytes(), Path("a.gif").read_bytes()) == whole
