"""Command line of `ddpm demo`: train the preset `digits`, which works offline."""

from __future__ import annotations

import argparse
from argparse import Namespace
from pathlib import Path

from ddpm.commands.options import Option, add_options
from ddpm.commands.picture_paths import print_picture_paths
from ddpm.commands.shared_options import DEVICE
from ddpm.presets import get_preset

DEMO_OPTIONS = (
    Option("out", "--out", Path, Path("runs/demo"), help="run folder (default: %(default)s)"),
    DEVICE,
)


def define_demo(parser: argparse.ArgumentParser) -> None:
    add_options(parser, DEMO_OPTIONS)
    parser.set_defaults(command=run_demo)


def run_demo(options: Namespace) -> int:
    from ddpm.commands.train import train

    outcome = train.train(get_preset("digits").config, options.out, device=options.device)
    return print_picture_paths(outcome.run, outcome.exit_status)
