"""Command line of `ddpm distill`."""

from __future__ import annotations

import argparse
from argparse import Namespace
from pathlib import Path

from ddpm.commands.options import Option, add_options, make_request, positive
from ddpm.commands.picture_paths import print_picture_paths
from ddpm.commands.shared_options import DEVICE, SET, TOTAL_OPTIONS
from ddpm.data.catalogue import absolute_data_path

STUDENT_OPTIONS = (
    Option(
        "target",
        metavar="RUN|BUNDLED",
        help="the teacher: a run folder, its name, or bundled weights",
    ),
    Option(
        "evaluations",
        "--evaluations",
        int,
        4,
        choices=range(1, 9),
        help="network evaluations for one image (default: %(default)s)",
    ),
    Option(
        "student.guidance",
        "--guidance",
        positive,
        metavar="SCALE",
        help="guidance of the teacher; without labels it is guided by an early state of its run; 1: none "
        "(default: the teacher's own)",
    ),
    Option(
        "data",
        "--data",
        absolute_data_path,
        metavar="PATH|NAME",
        help="training images (default: the teacher's)",
    ),
    Option("out", "--out", Path, metavar="DIR", help="run folder (default: runs/NAME-few)"),
)
DISTILL_OPTIONS = (*STUDENT_OPTIONS, *TOTAL_OPTIONS, DEVICE, SET)


def define_distill(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Train a student of a diffusion model that samples an image in one to eight network "
        "evaluations. It takes a fifth of the teacher's training time. The result is a run like "
        "any other."
    )
    add_options(parser, STUDENT_OPTIONS)
    add_options(parser.add_mutually_exclusive_group(), TOTAL_OPTIONS)
    add_options(parser, (DEVICE, SET))
    parser.set_defaults(command=run_distill)


def run_distill(options: Namespace) -> int:
    from ddpm.commands.distill.distill import DistillRequest, distill

    outcome = distill(make_request(DistillRequest, DISTILL_OPTIONS, options))
    return print_picture_paths(outcome.run, outcome.exit_status)
