"""Command line of `ddpm compare`: by metrics, or by eye with --blind and --tally."""

from __future__ import annotations

import argparse
from argparse import Namespace
from pathlib import Path

from ddpm.commands.options import Option, add_options, make_request, switch
from ddpm.commands.shared_options import MEASURE
from ddpm.errors import RequestError
from ddpm.terminal import print_result

COMPARE_OPTIONS = (
    Option(
        "targets",
        metavar="RUN|BUNDLED|IMAGES",
        nargs="*",
        help="two to six runs, weights or sets of images to compare",
    ),
    Option(
        "out",
        "--out",
        Path,
        Path("comparison"),
        metavar="DIR",
        help="folder of the results (default: %(default)s)",
    ),
    *MEASURE,
)
BLIND_OPTIONS = (
    switch(
        "blind",
        "--blind",
        "write a shuffled sheet with -n images of each (20), forms and a sealed key",
    ),
    switch("no_real", "--no-real", "leave real images out of the sheet"),
    Option("tally", "--tally", Path, nargs="+", metavar="FORM", help="read filled forms"),
)


def define_compare(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        "All are measured against the training images of the first model, unless --reference "
        "names others; runs trained on different images need it."
    )
    add_options(parser, COMPARE_OPTIONS)
    add_options(parser.add_argument_group("judging by eye"), BLIND_OPTIONS)
    parser.set_defaults(command=run_compare)


def run_compare(options: Namespace) -> None:
    if options.tally:
        print_result(_tally(options))
    elif options.blind:
        print_result(_blind(options))
    else:
        print_result(_compare(options))


def _compare(options: Namespace) -> str:
    from ddpm.commands.compare.compare import ComparisonRequest, compare, comparison_text

    request = make_request(ComparisonRequest, COMPARE_OPTIONS, options)
    return comparison_text(compare(request), request.out)


def _blind(options: Namespace) -> str:
    from ddpm.commands.compare.blind import BlindRequest, blind_instructions, write_blind

    request = make_request(BlindRequest, COMPARE_OPTIONS, options, real=not options.no_real)
    return blind_instructions(write_blind(request))


def _tally(options: Namespace) -> str:
    if options.targets or options.blind:
        raise RequestError("--tally reads filled forms only; leave out the runs and --blind.")
    from ddpm.commands.compare.tally import tally, tally_text

    return tally_text(tally(options.tally, options.out))
