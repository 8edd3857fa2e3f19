"""commands.forward.command."""

from __future__ import annotations

import argparse
import typing
from argparse import Namespace
from pathlib import Path

from ddpm.commands.arguments import natural
from ddpm.config import ScheduleName

SCHEDULES = typing.get_args(ScheduleName)


def define_forward(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", metavar="IMAGE|DATA", help="an image file or a set of images")
    parser.add_argument(
        "--schedule", choices=SCHEDULES, default="linear", help="default: %(default)s"
    )
    parser.add_argument("--seed", type=natural, default=0, help="of the noise (default: 0)")
    parser.add_argument("--out", metavar="FILE", default="forward.png", help="default: %(default)s")
    parser.set_defaults(command=run_forward)


def run_forward(options: Namespace) -> None:
    from ddpm.commands.forward.forward import write_forward

    print(write_forward(options.target, options.schedule, options.seed, Path(options.out)))
