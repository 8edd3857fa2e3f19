"""`ddpm evaluate` as its user meets it: one sentence a refusal, nothing written, scores on stdout."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ddpm.cli import main


@pytest.fixture
def images(workplace: Path) -> None:
    """Sets that can be measured, and sets that cannot."""
    stack = np.random.default_rng(0).integers(0, 256, (120, 1, 8, 8), dtype=np.uint8)
    np.save("gray.npy", stack)
    np.save("few.npy", stack[:9])
    np.save("large.npy", stack.repeat(2, 2).repeat(2, 3))
    np.save("color.npy", stack.repeat(3, 1) // np.array([1, 2, 3], np.uint8)[:, None, None])
    np.save("floats.npy", stack / 100 - 7)  # no range of images
    Path("empty").mkdir()
    for name, sizes in (("one", [8]), ("mixed", [8, 8, 9])):
        Path(name).mkdir()
        for index, size in enumerate(sizes):
            Image.fromarray(stack[index, 0]).resize((size, 8)).save(f"{name}/{index}.png")


@pytest.mark.usefixtures("images")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere", "--reference", "digits"], "nowhere"),
        (["gray.npy"], "with --reference"),
        (["gray.npy", "--reference", "nowhere"], "nowhere"),
        (["gray.npy", "--reference", "empty"], "empty"),
        (["gray.npy", "--reference", "one"], "at least two"),
        (["gray.npy", "--reference", "digits", "-n", "121"], "use -n 120"),
        (["gray.npy", "--reference", "digits", "-n", "9"], "needs at least 10"),
        (["gray.npy", "--reference", "digits", "--steps", "5"], "take no sampling options"),
        (["gray.npy", "--reference", "digits", "--features", "vgg"], "inception"),
        (["gray.npy", "--reference", "digits", "--weights", "w"], "takes no weights"),
        (["gray.npy", "--reference", "digits", "--json", "empty"], "folder"),
        (["gray.npy", "--reference", "few.npy"], "needs at least 20 real images, not 9"),
        (["gray.npy", "--reference", "digits", "--device", "tpu"], "cpu"),
        (["empty", "--reference", "digits"], "empty"),
        (["one", "--reference", "digits"], "is only 1 generated image;"),
        (["few.npy", "--reference", "digits"], "are only 9 generated images;"),
        (["mixed", "--reference", "digits"], "2 of 8x8, 1 of 8x9"),
        (["floats.npy", "--reference", "digits"], "holds values from -7"),
        (["large.npy", "--reference", "digits"], "16x16 gray, but the reference images are 8x8 gray"),
        (["color.npy", "--reference", "digits"], "8x8 color, but the reference images are 8x8 gray"),
        (["digits", "--reference", "color.npy"], "8x8 gray, but the reference images are 8x8 color"),
        (["digits", "--reference", "large.npy"], "8x8 gray, but the reference images are 16x16 gray"),
        (["digits", "--likelihood", "-1"], "at least 0"),
        (["digits", "--set", "training.steps=3"], "only sampling"),
        (["digits", "--features", "dino", "--weights", "nowhere"], "ransformers"),
    ],
)  # fmt: skip
def test_wrong_requests_cost_one_sentence_and_write_nothing(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str], workplace: Path
) -> None:
    before = sorted(path for path in workplace.rglob("*") if "cache" not in path.parts)
    try:
        status = main(["evaluate", *arguments])
    except SystemExit as stop:  # argparse
        status = int(stop.code or 0)
    captured = capsys.readouterr()
    lines = [line for line in captured.err.splitlines() if line.startswith("ddpm")]
    assert (status, len(lines), captured.out) == (2, 1, "") and "Traceback" not in captured.err
    assert words in lines[0]
    assert sorted(path for path in workplace.rglob("*") if "cache" not in path.parts) == before


def test_images_are_scored_on_stdout_and_in_json(
    capsys: pytest.CaptureFixture[str], workplace: Path
) -> None:
    with np.load(Path(__file__).parents[3] / "src/ddpm/data/digits.npz") as stored:
        np.savez("drawn.npz", stored["images"][:60].transpose(0, 2, 3, 1))
    arguments = ["evaluate", "drawn.npz", "--reference", "digits", "--json", "new/scores.json"]
    assert main(arguments) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("images     drawn: n=60")
    assert "FD-digits (n=60, train ref)" in captured.out and "FD" not in captured.err
    evaluation = json.loads(Path("new/scores.json").read_text("utf-8"))
    assert evaluation["command"] == "ddpm evaluate drawn.npz --reference digits"
    assert evaluation["rows"][0]["floor"] > 0


@pytest.mark.usefixtures("images")
@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            115,
            "encoder needs at least 119 real images besides the held-out ones, and the 115 given",
        ),
        (16, "An evaluation needs at least 20 real images, not 16: one half is the reference"),
    ],
)
def test_a_minimum_counts_the_images_that_were_given(
    given: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A set that is split into reference and floor counts whole, not by its half."""
    images = np.random.default_rng(0).integers(0, 256, (given, 3, 8, 8), np.uint8)
    np.save("real.npy", images)
    assert main(["evaluate", "color.npy", "--reference", "real.npy"]) == 2
    assert words in capsys.readouterr().err
