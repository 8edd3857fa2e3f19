"""`ddpm bundle`: the zip that is handed in, and the check of one."""

from __future__ import annotations

import argparse
from argparse import Namespace
from pathlib import Path

from ddpm.commands.arguments import add_device, natural, optional_path
from ddpm.commands.bundle.names import SETS
from ddpm.errors import RequestError

CELLS = 25


def define_bundle(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Write ID_hw2_2.zip from a run of MNIST and one of anime faces: the report, grids, "
        "losses, a readme and the source. With --check: say whether a zip, whoever made it, is ready."
    )
    parser.add_argument("--student-id", metavar="ID", help="stands in the names of zip and report")
    parser.add_argument("--mnist", metavar="RUN", help="a diffusion model of 28x28 images")
    parser.add_argument("--anime", metavar="RUN", help="a diffusion model of 64x64 images")
    parser.add_argument("--dcgan", metavar="RUN", action="append", default=[], help="a baseline")
    parser.add_argument(
        "--comparison", metavar="DIR", action="append", default=[], help="what ddpm compare wrote"
    )
    parser.add_argument("--report", metavar="FILE", help="a PDF of your own instead of ours")
    parser.add_argument("--notebook", metavar="FILE", help="a notebook of your own instead of ours")
    parser.add_argument("--notes", metavar="FILE", help="your own passages of our report")
    parser.add_argument("--lang", choices=("en", "zh-TW"), default="en", help="of our report")
    parser.add_argument(
        "--pick",
        metavar="[RUN=]SEEDS",
        type=pick,
        action="append",
        default=[],
        help="25 seeds such as 3,8,40-62 for both grids, or mnist=SEEDS, anime=SEEDS (default: 0-24)",
    )
    parser.add_argument(
        "--out", metavar="DIR", default=".", help="folder of the zip (default: here)"
    )
    parser.add_argument(
        "--check",
        metavar="ZIP",
        help="check this one; with --mnist or --anime also draw its grids again",
    )
    add_device(parser)
    parser.set_defaults(command=run_bundle)


def pick(text: str) -> dict[str, tuple[int, ...]]:
    """`3,8,40-62` or `anime=3,8,40-62`: 25 different seeds, for both grids or for one."""
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


def run_bundle(options: Namespace) -> None:
    if options.check is not None:
        return _check(options)
    from ddpm.commands.bundle.bundle import BundleRequest, write_bundle

    if None in (options.student_id, options.mnist, options.anime):
        raise RequestError("bundle needs --student-id, --mnist and --anime, or --check with a zip.")
    request = BundleRequest(
        options.student_id,
        options.mnist,
        options.anime,
        dcgan=options.dcgan,
        comparisons=list(map(Path, options.comparison)),
        report=optional_path(options.report),
        notebook=optional_path(options.notebook),
        notes=optional_path(options.notes),
        language=options.lang,
        pick={name: seeds for given in options.pick for name, seeds in given.items()},
        out=Path(options.out),
        device=options.device,
    )
    return print(write_bundle(request))


def _check(options: Namespace) -> None:
    """A line a finding; RequestError with the reasons where any is wrong."""
    from ddpm.commands.bundle.check import check_bundle

    asked = {name: getattr(options, name) for name in SETS}
    runs = {name: run for name, run in asked.items() if run is not None}
    found = check_bundle(Path(options.check), runs, options.device)
    for finding in found:
        print(finding)
    wrong = [f"{finding.what}: {finding.words}" for finding in found if finding.verdict == "wrong"]
    if wrong:
        raise RequestError(
            f"{Path(options.check).name} is not ready to hand in: {'; '.join(wrong)}."
        )
