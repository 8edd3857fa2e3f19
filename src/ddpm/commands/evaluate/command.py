"""Command line of `ddpm evaluate`."""

from __future__ import annotations

import argparse
from argparse import Namespace
from pathlib import Path

from ddpm.commands.options import Option, add_options, make_request
from ddpm.commands.shared_options import MEASURE
from ddpm.terminal import print_result

EVALUATE_OPTIONS = (
    Option(
        "target",
        metavar="RUN|FOLDER|ZIP|NPZ",
        help="a run, weights, or images of one size: a folder, zip, .npy or .npz",
    ),
    *MEASURE,
    Option(
        "json",
        "--json",
        Path,
        metavar="FILE",
        help="also write the scores to this file",
        printed=False,
    ),
)


def define_evaluate(parser: argparse.ArgumentParser) -> None:
    add_options(parser, EVALUATE_OPTIONS)
    parser.set_defaults(command=run_evaluate, multi_process=True)


def run_evaluate(options: Namespace) -> None:
    from ddpm.commands.evaluate.evaluate import evaluate
    from ddpm.commands.evaluate.score_table import score_table
    from ddpm.scoring.evaluation_request import EvaluationRequest

    request = make_request(EvaluationRequest, EVALUATE_OPTIONS, options)
    print_result(score_table(evaluate(request)))
