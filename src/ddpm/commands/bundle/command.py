"""Command line of `ddpm bundle`: write the zip to hand in, or check one."""

from __future__ import annotations

import argparse
from argparse import Namespace
from pathlib import Path

from ddpm.commands.bundle.names import SETS
from ddpm.commands.options import Option, add_options, make_request, natural
from ddpm.commands.report import LANGUAGES
from ddpm.commands.shared_options import DEVICE
from ddpm.errors import RequestError
from ddpm.terminal import print_result

CELLS = 25  # images of a grid


def picked_seeds(text: str) -> dict[str, tuple[int, ...]]:
    """Read `3,8,40-62` or `anime=3,8,40-62`: 25 different seeds, for both grids or for one."""
    name, equals, seeds = text.rpartition("=")
    if equals and name not in SETS:
        raise argparse.ArgumentTypeError(f"{name!r} should be mnist or anime")
    found: list[int] = []
    for part in seeds.split(","):
        first, _, last = part.partition("-")
        low, high = natural(first), natural(last or first)
        found += range(low, min(high, low + CELLS) + 1)
    if len(found) != CELLS or len(set(found)) != CELLS:
        raise argparse.ArgumentTypeError(f"{text!r} should name {CELLS} different seeds")
    return dict.fromkeys([name] if equals else SETS, tuple(found))


BUNDLE_OPTIONS = (
    Option(
        "student_id",
        "--student-id",
        metavar="ID",
        help="student ID, part of the names of the zip and the report",
    ),
    Option("mnist", "--mnist", metavar="RUN", help="a run of a diffusion model, 28x28 images"),
    Option("anime", "--anime", metavar="RUN", help="a run of a diffusion model, 64x64 images"),
    Option("dcgan", "--dcgan", repeated=True, metavar="RUN", help="a run of a baseline"),
    Option(
        "comparisons",
        "--comparison",
        Path,
        repeated=True,
        metavar="DIR",
        help="a folder written by ddpm compare",
    ),
    Option(
        "report", "--report", Path, metavar="FILE", help="your own PDF instead of a written report"
    ),
    Option(
        "notebook",
        "--notebook",
        Path,
        metavar="FILE",
        help="your own notebook instead of the package's",
    ),
    Option("notes", "--notes", Path, metavar="FILE", help="your own passages of the report"),
    Option(
        "language",
        "--lang",
        default="en",
        choices=tuple(LANGUAGES),
        help="language of the report (default: %(default)s)",
    ),
    Option(
        "pick",
        "--pick",
        picked_seeds,
        repeated=True,
        metavar="[RUN=]SEEDS",
        help="25 seeds such as 3,8,40-62 for both grids, or mnist=SEEDS, anime=SEEDS (default: 0-24)",
        printed=False,
    ),
    Option("out", "--out", Path, Path(), metavar="DIR", help="folder of the zip (default: here)"),
    Option(
        "check",
        "--check",
        Path,
        metavar="ZIP",
        help="check this zip; with --mnist or --anime, also sample its grids again",
    ),
    DEVICE,
)


def define_bundle(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Write ID_hw2_2.zip from a run on MNIST and a run on anime faces: the report, grids, "
        "losses, a readme and the source. With --check: say whether any zip is ready to hand in."
    )
    add_options(parser, BUNDLE_OPTIONS)
    parser.set_defaults(command=run_bundle)


def run_bundle(options: Namespace) -> None:
    if options.check is not None:
        return _check(options)
    from ddpm.commands.bundle.bundle import BundleRequest, write_bundle

    if None in (options.student_id, options.mnist, options.anime):
        raise RequestError("bundle needs --student-id, --mnist and --anime, or --check with a zip.")
    pick = {name: seeds for given in options.pick for name, seeds in given.items()}
    return print_result(
        write_bundle(make_request(BundleRequest, BUNDLE_OPTIONS, options, pick=pick))
    )


def _check(options: Namespace) -> None:
    """Print a line for each finding. RequestError with the reasons if any is wrong."""
    from ddpm.commands.bundle.check import check_bundle

    runs = {name: run for name in SETS if (run := getattr(options, name)) is not None}
    found = check_bundle(options.check, runs, options.device)
    for finding in found:
        print_result(finding)
    wrong = [
        f"{finding.subject}: {finding.text}" for finding in found if finding.verdict == "wrong"
    ]
    if wrong:
        raise RequestError(f"{options.check.name} is not ready to hand in: {'; '.join(wrong)}.")
