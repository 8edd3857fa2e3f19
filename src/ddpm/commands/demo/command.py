"""commands.demo.command."""

from __future__ import annotations

import argparse
from argparse import Namespace
from pathlib import Path

from ddpm.commands.arguments import add_device, print_outcome
from ddpm.presets import get_preset


def define_demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", default="runs/demo", help="run folder (default: %(default)s)")
    add_device(parser)
    parser.set_defaults(command=run_demo)


def run_demo(options: Namespace) -> int:
    from ddpm.commands.train import train

    outcome = train.train(get_preset("digits").config, Path(options.out), device=options.device)
    return print_outcome(outcome.run, outcome.exit_status)
