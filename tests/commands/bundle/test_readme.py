"""readme.txt: every count, file and command of the runs, and commands that can be typed."""

from __future__ import annotations

import re
import shlex
import tomllib
from dataclasses import replace
from pathlib import Path

from ddpm.cli.parser import build_parser
from ddpm.commands.bundle.readme import NEEDED, RunNote, readme_text

DATA = {"given": 70_000, "used": 59_990, "held_out": 9_999, "duplicate": 8, "broken": 3}
ENVIRONMENT = {
    "device": "cpu", "threads": 2, "precision": "fp32", "seed": 5, "torch": "2.13.0",
    "commit": "0123456789ab",
    "data": {**DATA, "held_out_reason": {"code": "test_files"}, "content_hash": "f" * 64},
}  # fmt: skip
MNIST = RunNote(
    "mnist", "DDPM", "mnist", 950, 64, 9.87, "mnist", ENVIRONMENT, "00ff" * 4,
    images="mnist", caption="seeds 40–64 (picked), dpm++2m, 20 steps", first_seed=40,
)  # fmt: skip
ANIME = replace(MNIST, name="anime", images="anime", data="IMAGES", first_seed=None)
GAN = replace(MNIST, name="dcgan-mnist", model="DCGAN", images="", caption="")


def text(*sources: str) -> str:
    return readme_text("0712345", [MNIST, ANIME, GAN], sources)


def test_the_images_of_every_run_are_counted() -> None:
    line = (
        "70000 given, 59990 used, 9999 held out, 8 duplicate, 3 broken (held out: the test files)"
    )
    assert " ".join(text().split()).count(line) == 3
    assert "seed 5" in text() and "torch 2.13.0" in text() and "0123456789ab" in text()


def test_every_file_is_explained() -> None:
    head = text().split("The runs")[0]
    for name in ("report_0712345.pdf", "result_mnist.jpg", "loss_mnist.jpg", "result_anime.jpg",
                 "loss_anime.jpg", "source/"):  # fmt: skip
        assert re.search(rf"^{re.escape(name)}  ", head, re.MULTILINE), name
    assert "seeds 40–64 (picked), dpm++2m, 20 steps" in head
    assert "dcgan" not in head  # it has no pictures of its own


def test_the_commands_can_be_typed() -> None:
    commands = re.findall(r"python -m ddpm (.*)", text())
    for command in commands:
        assert hasattr(build_parser().parse_args(shlex.split(command)), "command")
    assert commands == [
        "train runs/mnist --data mnist --steps 950 --out again/mnist",
        "sample again/mnist --seed 40 --out result_mnist.jpg",
        "train runs/anime --data IMAGES --steps 950 --out again/anime",
        "train runs/dcgan-mnist --data mnist --steps 950 --out again/dcgan-mnist",
    ]


def test_what_is_to_be_installed_is_what_the_package_needs() -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text("utf-8"))
    assert set(NEEDED) == set(project["project"]["dependencies"])


def test_long_sources_are_broken_and_words_stay_whole() -> None:
    source = "A. Author (2020), " + "very " * 40 + "long, https://arxiv.org/abs/2006.11239-and-more"
    part = text(source).split("Sources\n-------\n")[1]
    assert part.startswith("- A. Author") and part.endswith("\n")
    assert max(map(len, part.splitlines())) <= 100
    assert " ".join(part.split()) == "- " + source


def test_an_environment_that_was_never_written_is_no_error() -> None:
    bare = readme_text("1", [replace(MNIST, environment={})], [])
    assert "? given, ? used" in bare and "torch ?" in bare
