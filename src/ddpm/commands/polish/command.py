"""Command line of `ddpm polish`."""

from __future__ import annotations

import argparse
from argparse import Namespace
from pathlib import Path

from ddpm.commands.options import Option, add_options, make_request
from ddpm.commands.picture_paths import print_picture_paths
from ddpm.commands.shared_options import DATA, DEVICE, SET, TOTAL_OPTIONS

MODEL_OPTIONS = (
    Option("target", metavar="RUN|BUNDLED", help="a run folder, its name, or bundled weights"),
    DATA,
    Option("out", "--out", Path, metavar="DIR", help="run folder (default: runs/NAME-polished)"),
)
POLISH_OPTIONS = (*MODEL_OPTIONS, *TOTAL_OPTIONS, DEVICE, SET)


def define_polish(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Train a finished diffusion model on, to tell real images from its own (direct "
        "discriminative optimization). A tenth of the model's steps. The result is a run like any "
        "other; polish it again for a second round."
    )
    add_options(parser, MODEL_OPTIONS)
    add_options(parser.add_mutually_exclusive_group(), TOTAL_OPTIONS)
    add_options(parser, (DEVICE, SET))
    parser.set_defaults(command=run_polish)


def run_polish(options: Namespace) -> int:
    from ddpm.commands.polish.polish import PolishRequest, polish

    outcome = polish(make_request(PolishRequest, POLISH_OPTIONS, options))
    return print_picture_paths(outcome.run, outcome.exit_status)
