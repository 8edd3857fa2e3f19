"""Command line of `ddpm forward`."""

from __future__ import annotations

import argparse
import typing
from argparse import Namespace
from pathlib import Path

from ddpm.commands.options import Option, add_options, named_values, natural
from ddpm.config import ScheduleName
from ddpm.terminal import print_result

SCHEDULES = typing.get_args(ScheduleName)

FORWARD_OPTIONS = (
    Option("target", metavar="IMAGE|DATA", help="an image file or a set of images"),
    Option(
        "schedule",
        "--schedule",
        default="linear",
        choices=SCHEDULES,
        help="noise schedule (default: %(default)s)",
    ),
    Option("seed", "--seed", natural, 0, help="seed of the noise (default: 0)"),
    Option(
        "out",
        "--out",
        Path,
        Path("forward.png"),
        metavar="FILE",
        help="file of the picture (default: %(default)s)",
    ),
)


def define_forward(parser: argparse.ArgumentParser) -> None:
    add_options(parser, FORWARD_OPTIONS)
    parser.set_defaults(command=run_forward)


def run_forward(options: Namespace) -> None:
    from ddpm.commands.forward.forward import write_forward

    print_result(write_forward(**named_values(FORWARD_OPTIONS, options)))
