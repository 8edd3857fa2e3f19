"""`ddpm evaluate`: scores of a run, of weights or of any images against real ones."""

from __future__ import annotations

import argparse
from argparse import Namespace

from ddpm.cli.arguments import (
    Add,
    add_settings,
    count,
    natural,
    optional_path,
    sampling_overrides,
)

NETWORKS = ("auto", "digits", "self", "inception", "dino")


def define_evaluate(add: Add) -> None:
    parser = add("evaluate", help="measure a run, weights or any images against real images")
    parser.add_argument(
        "target",
        metavar="RUN|FOLDER|ZIP|NPZ",
        help="a run, weights, or images of one size: a folder, zip, .npy or .npz",
    )
    add_measure(parser)
    parser.add_argument("--json", metavar="FILE", help="also write the scores here")
    parser.set_defaults(command=run_evaluate, shared=True)


def add_measure(parser: argparse.ArgumentParser) -> None:
    """Options of every command that measures."""
    parser.add_argument(
        "--reference", metavar="DATA", help="the real images; default: a run's own training images"
    )
    parser.add_argument("-n", type=count, help="how many images (default: 1000, or all there are)")
    parser.add_argument(
        "--features",
        choices=NETWORKS,
        default="auto",
        help="feature network (default: %(default)s)",
    )
    parser.add_argument(
        "--weights", metavar="PATH", help="of the feature network inception or dino"
    )
    parser.add_argument(
        "--seed", type=natural, default=0, help="of the first image drawn, and of all chance"
    )
    parser.add_argument(
        "--likelihood",
        type=natural,
        default=64,
        metavar="M",
        help="held-out images whose bits/dim a diffusion model tells; 0 is off (default: 64)",
    )
    add_settings(parser)


def run_evaluate(options: Namespace) -> None:
    from ddpm.reporting.scores import score_table
    from ddpm.workflows.evaluate import EvaluationRequest, evaluate_target

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
    print(score_table(evaluate_target(request)))
