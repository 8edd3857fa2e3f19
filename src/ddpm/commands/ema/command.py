"""Command line of `ddpm ema`."""

from __future__ import annotations

import argparse
from argparse import Namespace
from pathlib import Path

from ddpm.commands.options import Option, add_options, count, make_request, positive, switch
from ddpm.commands.shared_options import DEVICE, FEATURES, REFERENCE, SEED, SET
from ddpm.terminal import escape, print_result


def ema_lengths(text: str) -> tuple[float, ...]:
    """Read numbers above 0 with commas between, or auto: an empty tuple."""
    if text == "auto":
        return ()
    try:
        return tuple(sorted({positive(part.strip()) for part in text.split(",")}))
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} should be auto, or lengths such as 0.05,0.1"
        ) from error


MEASURED_OPTIONS = (
    Option("target", metavar="RUN", help="a run folder or its name"),
    Option(
        "lengths",
        "--sigma-rel",
        ema_lengths,
        (),
        metavar="A,B|auto",
        help="EMA lengths: standard deviation of the averaging profile as a share of the training "
        "(default: auto, several lengths that the run covers)",
    ),
    Option("n", "-n", count, 1000, help="number of images for each length (default: %(default)s)"),
    Option("out", "--out", Path, metavar="FILE", help="write the chosen average as .safetensors"),
)
APPLY_OPTIONS = (
    switch("apply", "--apply", "let the run sample with the chosen average"),
    switch("undo", "--undo", "let the run sample with its own average again", printed=False),
)
PROTOCOL_OPTIONS = (REFERENCE, *FEATURES, SEED, DEVICE, SET)
EMA_OPTIONS = (*MEASURED_OPTIONS, *APPLY_OPTIONS, *PROTOCOL_OPTIONS)


def define_ema(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Build weight averages (EMA) of other lengths than the run's own, measure the images of "
        "each, and keep the best. For runs trained with training.posthoc_ema."
    )
    add_options(parser, MEASURED_OPTIONS)
    add_options(parser.add_mutually_exclusive_group(), APPLY_OPTIONS)
    add_options(parser, PROTOCOL_OPTIONS)
    parser.set_defaults(command=run_ema)


def run_ema(options: Namespace) -> None:
    from ddpm.commands.ema.average_choice import EmaRequest, choose_average, restore_own_average
    from ddpm.commands.ema.ema_table import average_table

    if options.undo:
        print_result(escape(restore_own_average(options.target, options.device)))
        return
    print_result(average_table(choose_average(make_request(EmaRequest, EMA_OPTIONS, options))))
