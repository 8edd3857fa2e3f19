"""`ddpm evaluate`: scores of a run, of weights or of any images against real ones."""

from __future__ import annotations

import argparse
from argparse import Namespace

from ddpm.commands.arguments import (
    add_measure,
    optional_path,
    sampling_overrides,
)


def define_evaluate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "target",
        metavar="RUN|FOLDER|ZIP|NPZ",
        help="a run, weights, or images of one size: a folder, zip, .npy or .npz",
    )
    add_measure(parser)
    parser.add_argument("--json", metavar="FILE", help="also write the scores here")
    parser.set_defaults(command=run_evaluate, shared=True)


def run_evaluate(options: Namespace) -> None:
    from ddpm.commands.evaluate.evaluate import evaluate
    from ddpm.commands.evaluate.score_table import score_table
    from ddpm.scoring.measurement import EvaluationRequest

    request = EvaluationRequest(
        target=options.target,
        reference=options.reference,
        n=options.n,
        network=options.features,
        weights=optional_path(options.weights),
        seed=options.seed,
        likelihood=options.likelihood,
        json=optional_path(options.json),
        overrides=sampling_overrides(options),
        device=options.device,
    )
    print(score_table(evaluate(request)))
