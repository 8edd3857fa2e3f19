"""Command lines of `ddpm interpolate`, `ddpm inpaint` and `ddpm refine`."""

from __future__ import annotations

import argparse
from argparse import Namespace
from pathlib import Path

from ddpm.commands.options import Option, add_options, count, fraction, named_values
from ddpm.commands.shared_options import SAMPLING
from ddpm.terminal import print_result

TARGET = Option("target", metavar="RUN|BUNDLED", help="a run folder, its name, or bundled weights")
IMAGE = Option("image", kind=Path, metavar="IMAGE", help="the image to edit")
VARIANTS = Option("n", "-n", count, 4, help="number of variants (default: %(default)s)")
OUT = Option(
    "out",
    "--out",
    Path,
    metavar="FILE",
    help="file of the picture (default: in the run's samples folder)",
)

INTERPOLATE_OPTIONS = (
    TARGET,
    Option("pairs", "--pairs", count, 4, help="number of rows, a pair of seeds each (default: 4)"),
    Option("between", "--between", count, 7, help="number of images between (default: 7)"),
    *SAMPLING,
    Option(
        "to_label",
        "--to-label",
        metavar="LABEL",
        help="go from --label to this class along each row",
    ),
    OUT,
)
INPAINT_OPTIONS = (
    TARGET,
    IMAGE,
    Option(
        "mask",
        kind=Path,
        metavar="MASK",
        help="an image of the same shape, white where the image is redrawn",
    ),
    VARIANTS,
    *SAMPLING,
    OUT,
)
REFINE_OPTIONS = (
    TARGET,
    IMAGE,
    Option(
        "strength",
        "--strength",
        fraction,
        0.5,
        help="0 keeps the image, 1 redraws it from pure noise (default: %(default)s)",
    ),
    VARIANTS,
    *SAMPLING,
    OUT,
)


def define_interpolate(parser: argparse.ArgumentParser) -> None:
    add_options(parser, INTERPOLATE_OPTIONS)
    parser.set_defaults(command=run_interpolate)


def define_inpaint(parser: argparse.ArgumentParser) -> None:
    add_options(parser, INPAINT_OPTIONS)
    parser.set_defaults(command=run_inpaint)


def define_refine(parser: argparse.ArgumentParser) -> None:
    add_options(parser, REFINE_OPTIONS)
    parser.set_defaults(command=run_refine)


def run_interpolate(options: Namespace) -> None:
    from ddpm.commands.edit.edit import write_interpolation

    print_result(write_interpolation(**named_values(INTERPOLATE_OPTIONS, options)))


def run_inpaint(options: Namespace) -> None:
    from ddpm.commands.edit.edit import write_inpainting

    print_result(write_inpainting(**named_values(INPAINT_OPTIONS, options)))


def run_refine(options: Namespace) -> None:
    from ddpm.commands.edit.edit import write_refinement

    print_result(write_refinement(**named_values(REFINE_OPTIONS, options)))
