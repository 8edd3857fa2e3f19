"""Command line of `ddpm sampler-lab`."""

from __future__ import annotations

import argparse
from argparse import Namespace
from pathlib import Path

from ddpm.commands.options import Option, add_options, count, make_request, switch
from ddpm.commands.sampler_lab.lab_request import DEFAULT_BUDGETS
from ddpm.commands.shared_options import DEVICE, FEATURES, REFERENCE, SAMPLERS, SEED, SET
from ddpm.terminal import print_result

METRICS = ("fd", "kid")


def counts(text: str) -> tuple[int, ...]:
    """Read whole numbers of at least 1 with commas between."""
    return tuple(sorted({count(part.strip()) for part in text.split(",")}))


def sampler_names(text: str) -> tuple[str, ...]:
    """Read names of samplers with commas between."""
    found = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    for name in found:
        if name not in SAMPLERS:
            raise argparse.ArgumentTypeError(
                f"there is no sampler {name!r}; the choices are {', '.join(SAMPLERS)}"
            )
    return found


SAMPLER_LAB_OPTIONS = (
    Option("target", metavar="RUN|WEIGHTS", help="a run folder, its name, or weights"),
    Option("n", "-n", count, 1000, help="number of images for each setting (default: %(default)s)"),
    Option(
        "samplers",
        "--samplers",
        sampler_names,
        (),
        metavar="A,B",
        help="samplers to measure (default: all)",
    ),
    Option(
        "evaluations",
        "--evaluations",
        counts,
        DEFAULT_BUDGETS,
        metavar="N,M",
        help=f"most network evaluations for one image (default: {','.join(map(str, DEFAULT_BUDGETS))})",
    ),
    switch(
        "ancestral", "--ancestral", "also measure Algorithm 2 with all timesteps, which takes long"
    ),
    REFERENCE,
    Option(
        "metric",
        "--metric",
        default="fd",
        choices=METRICS,
        help="distance to compare by (default: %(default)s)",
    ),
    *FEATURES,
    SEED,
    switch("keep", "--keep", "do not change the run's default sampling settings"),
    Option(
        "out",
        "--out",
        Path,
        metavar="DIR",
        help="folder of the results (default: the run's folder)",
    ),
    Option(
        "json",
        "--json",
        Path,
        metavar="FILE",
        help="also write the results to this file",
        printed=False,
    ),
    DEVICE,
    SET,
)


def define_sampler_lab(parser: argparse.ArgumentParser) -> None:
    add_options(parser, SAMPLER_LAB_OPTIONS)
    parser.set_defaults(command=run_sampler_lab)


def run_sampler_lab(options: Namespace) -> None:
    from ddpm.commands.sampler_lab.lab import sampler_lab
    from ddpm.commands.sampler_lab.lab_request import LabRequest
    from ddpm.commands.sampler_lab.lab_table import lab_table

    request = make_request(LabRequest, SAMPLER_LAB_OPTIONS, options)
    print_result(lab_table(sampler_lab(request)))
