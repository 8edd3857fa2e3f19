"""`ddpm ema`: what can be typed, and the workflow it calls."""

from __future__ import annotations

import argparse
from argparse import Namespace

from ddpm.commands.arguments import (
    NETWORKS,
    add_device,
    add_set,
    count,
    natural,
    optional_path,
    positive,
)


def lengths(text: str) -> tuple[float, ...]:
    """Numbers above 0 with commas between; none for auto."""
    if text == "auto":
        return ()
    try:
        return tuple(sorted({positive(part.strip()) for part in text.split(",")}))
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} should be auto, or lengths such as 0.05,0.1"
        ) from error


def define_ema(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Make averages of the weights of other lengths than the run's own, measure what each "
        "draws, and keep the best. For runs trained with training.posthoc_ema."
    )
    parser.add_argument("target", metavar="RUN", help="a run folder or its name")
    parser.add_argument(
        "--sigma-rel",
        type=lengths,
        default=(),
        metavar="A,B|auto",
        help="lengths, as the standard deviation of the average's profile as a share of the training "
        "(default: auto, a row of those the run covers)",
    )
    parser.add_argument(
        "-n", type=count, default=1000, help="images of every length (default: %(default)s)"
    )
    parser.add_argument("--out", metavar="FILE", help="write the chosen average as .safetensors")
    kept = parser.add_mutually_exclusive_group()
    kept.add_argument(
        "--apply", action="store_true", help="let the run draw with the chosen average"
    )
    kept.add_argument(
        "--undo", action="store_true", help="let the run draw with its own average again"
    )
    parser.add_argument(
        "--reference", metavar="DATA", help="the real images; default: the run's own"
    )
    parser.add_argument(
        "--features",
        choices=NETWORKS,
        default="auto",
        help="feature network (default: %(default)s)",
    )
    parser.add_argument(
        "--weights", metavar="PATH", help="of the feature network inception or dino"
    )
    parser.add_argument("--seed", type=natural, default=0, help="of the first image (default: 0)")
    add_device(parser)
    add_set(parser)
    parser.set_defaults(command=run_ema)


def run_ema(options: Namespace) -> None:
    from ddpm.commands.ema.choose import EmaRequest, choose_average, restore_own_average
    from ddpm.commands.ema.ema_table import average_table

    if options.undo:
        print(restore_own_average(options.target, options.device))
        return
    request = EmaRequest(
        target=options.target,
        lengths=options.sigma_rel,
        n=options.n,
        out=optional_path(options.out),
        apply=options.apply,
        reference=options.reference,
        network=options.features,
        weights=optional_path(options.weights),
        seed=options.seed,
        overrides=tuple(options.set),
        device=options.device,
    )
    print(average_table(choose_average(request)))
