"""Command line of `ddpm grade`: check and compare the hand-ins of a class."""

from __future__ import annotations

import argparse
from argparse import Namespace
from pathlib import Path

from ddpm.commands.options import Option, add_options, make_request
from ddpm.commands.shared_options import DEVICE
from ddpm.terminal import print_result

GRADE_OPTIONS = (
    Option(
        "targets",
        metavar="FOLDER|ZIP",
        nargs="+",
        help="a folder of hand-ins (zips or unpacked folders), the zip of a class, or zips",
    ),
    Option(
        "out",
        "--out",
        Path,
        Path("grading"),
        metavar="DIR",
        help="folder of the table, the page and the records (default: %(default)s)",
    ),
    Option(
        "ledger",
        "--ledger",
        Path,
        metavar="FILE",
        help="hashes of earlier classes to compare with; this class is added for the next year",
    ),
    Option(
        "term",
        "--term",
        default="",
        metavar="NAME",
        help="name of this class in the ledger (default: that of the folder)",
    ),
    Option(
        "known",
        "--known",
        Path,
        repeated=True,
        metavar="PATH",
        help="the sample code or other given material, whose code and pictures are recognized; "
        "may be given several times",
    ),
    Option(
        "mnist_data",
        "--mnist-data",
        default="mnist",
        metavar="DATA",
        help="real digits to measure against, by name or path (default: %(default)s)",
    ),
    Option(
        "anime_data",
        "--anime-data",
        default="anime",
        metavar="DATA",
        help="real faces to measure against, by name or path (default: %(default)s)",
    ),
    DEVICE,
)


def define_grade(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Check every hand-in of a class as bundle --check does, sample its grids again where weights are "
        "handed in, measure them, and compare the hand-ins with each other. Nothing in them is run. The same "
        "command goes on where it was stopped."
    )
    add_options(parser, GRADE_OPTIONS)
    parser.set_defaults(command=run_grade)


def run_grade(options: Namespace) -> None:
    from ddpm.commands.grade.grade import GradeRequest, grade

    for path in grade(make_request(GradeRequest, GRADE_OPTIONS, options)):
        print_result(path)
