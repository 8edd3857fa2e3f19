"""`ddpm compare`: runs, weights and images side by side, by measure or by eye."""

from __future__ import annotations

import argparse
from argparse import Namespace
from pathlib import Path
from typing import Any

from ddpm.commands.arguments import add_measure, optional_path, sampling_overrides
from ddpm.errors import RequestError


def define_compare(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        "All are measured against the training images of the first model, unless --reference "
        "names others; runs that learned different images need it."
    )
    parser.add_argument(
        "targets", nargs="*", metavar="RUN|BUNDLED|IMAGES", help="two to six to compare"
    )
    parser.add_argument("--out", metavar="DIR", default="comparison", help="default: %(default)s")
    add_measure(parser)
    by_eye = parser.add_argument_group("judging by eye")
    by_eye.add_argument(
        "--blind",
        action="store_true",
        help="write a shuffled sheet with -n pictures of each (20), forms and a sealed key",
    )
    by_eye.add_argument("--no-real", action="store_true", help="mix no real images into the sheet")
    by_eye.add_argument("--tally", nargs="+", metavar="FORM", help="read filled forms")
    parser.set_defaults(command=run_compare)


def run_compare(options: Namespace) -> None:
    if options.tally:
        print(_tally(options))
    elif options.blind:
        print(_blind(options))
    else:
        print(_compare(options))


def _shared(options: Namespace) -> dict[str, Any]:
    """The arguments that measuring and judging by eye have in common."""
    return {
        "targets": options.targets,
        "out": Path(options.out),
        "reference": options.reference,
        "n": options.n,
        "seed": options.seed,
        "overrides": sampling_overrides(options),
        "device": options.device,
    }


def _compare(options: Namespace) -> str:
    from ddpm.commands.compare.compare import ComparisonRequest, compare, comparison_text

    request = ComparisonRequest(
        **_shared(options),
        network=options.features,
        weights=optional_path(options.weights),
        likelihood=options.likelihood,
    )
    return comparison_text(compare(request), request.out)


def _blind(options: Namespace) -> str:
    from ddpm.commands.compare.blind import BlindRequest, blind_instructions, write_blind

    return blind_instructions(
        write_blind(BlindRequest(**_shared(options), real=not options.no_real))
    )


def _tally(options: Namespace) -> str:
    if options.targets or options.blind:
        raise RequestError("--tally reads filled forms and nothing else; leave the runs out.")
    from ddpm.commands.compare.tally import tally, tally_text

    return tally_text(tally([Path(form) for form in options.tally], Path(options.out)))
