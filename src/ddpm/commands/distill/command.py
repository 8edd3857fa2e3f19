"""`ddpm distill`: what can be typed, and the workflow it calls."""

from __future__ import annotations

import argparse
from argparse import Namespace

from ddpm.commands.arguments import add_device, add_set, count, optional_path, positive
from ddpm.data.catalogue import absolute


def define_distill(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Train a student of a diffusion model that draws an image in one to four evaluations "
        "of its network. It takes a fifth of the teacher's training time, and is a run like any other."
    )
    parser.add_argument(
        "target", metavar="RUN|BUNDLED", help="the teacher: a run, its name, or bundled weights"
    )
    parser.add_argument(
        "--evaluations",
        type=int,
        choices=range(1, 5),
        default=4,
        help="of the network, that an image will take (default: %(default)s)",
    )
    parser.add_argument("--data", metavar="PATH|NAME", help="images (default: the teacher's)")
    parser.add_argument("--out", metavar="DIR", help="run folder (default: runs/NAME-few)")
    total = parser.add_mutually_exclusive_group()
    total.add_argument("--minutes", type=positive, help="train for about this long in all")
    total.add_argument("--steps", type=count, help="optimizer steps in all")
    add_device(parser)
    add_set(parser)
    parser.set_defaults(command=run_distill)


def run_distill(options: Namespace) -> int:
    from ddpm.commands.arguments import print_outcome
    from ddpm.commands.distill.distill import DistillRequest, distill

    request = DistillRequest(
        options.target,
        optional_path(options.out),
        options.evaluations,
        None if options.data is None else absolute(options.data),
        options.minutes,
        options.steps,
        options.set,
        options.device,
    )
    outcome = distill(request)
    return print_outcome(outcome.run, outcome.exit_status)
