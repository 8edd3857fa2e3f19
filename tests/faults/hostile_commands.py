"""Every command on runs and files with a hostile name, in one process.

Arguments: a folder, the name, and the verbs to leave out.
Prints a JSON list of [words of the command, exit status, text on stdout and stderr].
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from ddpm.cli import main
from ddpm.commands.plan import benchmark, plan

COUNT = 130  # images of a data set


def write_images(folder: Path, shape: tuple[int, ...]) -> None:
    folder.mkdir()
    for index in range(COUNT):
        pixels = np.random.default_rng(index).integers(0, 255, shape, dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{index}.png")


def write_foreign_weights(path: Path) -> None:
    """Write a state dict of the course's network."""
    import torch

    from ddpm.networks.course_unet import CourseUNet

    layout = '{"widths": [4, 8, 16], "time_dim": 12}'
    network = CourseUNet(1, 1, (28, 28), layout=layout, num_steps=40)
    weights = network.state_dict()
    torch.save({f"network.{name}": tensor for name, tensor in weights.items()}, path)


def commands(root: Path, name: str) -> list[list[str]]:
    """Return the command lines, in an order in which each finds what it needs."""
    small = [
        "network.channels=8",
        "network.multipliers=1,1",
        "network.attention=[]",
        "network.skips=concat",
    ]
    small += [
        "training.batch_size=4",
        "sampling.steps=2",
        "training.memorization_every=0",
        "sampling.chunk=4",
    ]
    tiny = ["--device", "cpu", *(word for key in small for word in ("--set", key))]
    gray, color = (str(root / f"{kind}-{name}") for kind in ("gray", "color"))
    mask, foreign = str(root / f"mask-{name}.png"), str(root / f"foreign-{name}.pt")
    runs, out = str(root / f"runs-{name}"), str(root / f"out-{name}")
    one, faces, gan = (f"{runs}/{kind}-{name}" for kind in ("mnist", "anime", "dcgan"))
    measured = ["-n", "12", "--features", "digits"]
    image = f"{gray}/0.png"
    return [
        ["data", "inspect", gray, "--out", f"{one}-sheet.png"],
        ["data", "prepare", gray],
        ["data", "augment", gray, "--out", f"{one}-views.png"],
        ["train", gray, "--steps", "12", "--out", one, *tiny, "--set", "training.posthoc_ema=4"],
        ["train", one, "--steps", "13"],
        ["train", color, "--steps", "1", "--out", faces, *tiny],
        ["train", "dcgan-mnist", "--data", gray, "--steps", "1", "--out", gan, "--device", "cpu",
         "--set", "gan.channels=8", "--set", "training.batch_size=4"],
        ["runs", runs],
        ["plan", one, "--device", "cpu"],
        ["doctor", one],
        ["sample", one, "-n", "2", "--gif"],
        ["sample", one, "-n", "2", "--out", f"{one}.npz"],
        ["sample", one, "-n", "2", "--png-dir", f"{one}-png"],
        ["forward", gray, "--out", f"{one}-forward.png"],
        ["interpolate", one, "--pairs", "1"],
        ["inpaint", one, image, mask, "-n", "1"],
        ["refine", one, image, "-n", "1"],
        ["evaluate", one, *measured],
        ["compare", one, gan, "--out", f"{one}-compared", "--features", "digits", "--likelihood", "0"],
        ["compare", one, gan, "--blind", "-n", "2", "--out", f"{one}-blind"],
        ["sampler-lab", one, *measured, "--evaluations", "2", "--samplers", "ddim"],
        ["ema", one, *measured, "--out", f"{one}-ema.safetensors", "--apply"],
        ["ema", one, "--undo"],
        ["distill", one, "--steps", "1", "--evaluations", "2", "--out", f"{one}-few"],
        ["polish", one, "--steps", "1", "--out", f"{one}-polished"],
        ["export", one, "--out", f"{one}.pt"],
        ["export", one, "--to", "safetensors", "--out", f"{one}.safetensors"],
        ["export", one, "--to", "onnx", "--out", f"{one}.onnx"],
        ["export", one, "--to", "diffusers", "--out", f"{one}-diffusers"],
        ["export", one, "--to", "page", "--beside", f"{one}.safetensors", "--out", f"{one}.html"],
        ["sample", f"{one}.safetensors", "-n", "1"],
        ["sample", f"{one}.onnx", "-n", "1"],
        ["train", gray, "--init", f"{one}.safetensors", "--steps", "1", "--out", f"{one}-more", *tiny[:2]],
        ["import", foreign, "--data", gray],
        ["import", foreign, "--out", f"{one}-imported"],
        ["report", one, "--out", f"{one}-report.pdf"],
        ["report", gan, "--comparison", f"{one}-compared", "--out", f"{one}-report.md"],
        ["bundle", "--student-id", "1", "--mnist", one, "--anime", faces, "--dcgan", gan,
         "--report", f"{one}-report.pdf", "--out", out],
        ["bundle", "--check", f"{out}/1_hw2_2.zip", "--mnist", one],
        ["grade", out, "--out", f"{one}-grading", "--mnist-data", gray, "--anime-data", color],
    ]  # fmt: skip


def run(words: list[str]) -> tuple[list[str], int, str]:
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            status = main(words)
        except SystemExit as stop:  # argparse
            status = int(stop.code or 0)
    return words, status, said.getvalue()


if __name__ == "__main__":
    plan.measure = partial(benchmark.measure, seconds=0.05)
    folder, hostile = Path(sys.argv[1]), sys.argv[2]
    write_images(folder / f"gray-{hostile}", (28, 28))
    write_images(folder / f"color-{hostile}", (64, 64, 3))
    half = np.zeros((28, 28), dtype=np.uint8)
    half[:9] = 255
    Image.fromarray(half).save(folder / f"mask-{hostile}.png")
    write_foreign_weights(folder / f"foreign-{hostile}.pt")
    lines = [words for words in commands(folder, hostile) if not {*words} & {*sys.argv[3:]}]
    print(json.dumps([run(words) for words in lines]))
