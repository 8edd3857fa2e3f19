"""`ddpm sampler-lab`: which sampler to draw with, and in how many steps."""

from __future__ import annotations

import argparse
from argparse import Namespace

from ddpm.commands.arguments import (
    NETWORKS,
    SAMPLERS,
    add_device,
    add_set,
    count,
    natural,
    optional_path,
)

METRICS = ("fd", "kid")
USUAL_EVALUATIONS = "4,6,8,10,15,20,30,50"


def counts(text: str) -> tuple[int, ...]:
    """Whole numbers of at least 1, with commas between."""
    return tuple(sorted({count(part.strip()) for part in text.split(",")}))


def names(text: str) -> tuple[str, ...]:
    """Samplers, with commas between."""
    found = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    for name in found:
        if name not in SAMPLERS:
            raise argparse.ArgumentTypeError(
                f"there is no sampler {name!r}; the choices are {', '.join(SAMPLERS)}"
            )
    return found


def define_sampler_lab(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", metavar="RUN|WEIGHTS")
    parser.add_argument(
        "-n", type=count, default=1000, help="images of every point (default: %(default)s)"
    )
    parser.add_argument(
        "--samplers", type=names, default=(), metavar="A,B", help="which ones (default: all)"
    )
    parser.add_argument(
        "--evaluations",
        type=counts,
        default=counts(USUAL_EVALUATIONS),
        metavar="N,M",
        help=f"of the network an image, at most (default: {USUAL_EVALUATIONS})",
    )
    parser.add_argument(
        "--ancestral", action="store_true", help="also Algorithm 2 over every level: takes long"
    )
    _add_measure(parser)
    parser.add_argument(
        "--keep", action="store_true", help="leave the run's default setting as it is"
    )
    parser.add_argument("--out", metavar="DIR", help="for the results (default: the run's folder)")
    parser.add_argument("--json", metavar="FILE", help="also write the results here")
    add_device(parser)
    add_set(parser)
    parser.set_defaults(command=run_sampler_lab)


def _add_measure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--reference", metavar="DATA", help="the real images; default: a run's own training images"
    )
    parser.add_argument(
        "--metric", choices=METRICS, default="fd", help="the distance (default: %(default)s)"
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


def run_sampler_lab(options: Namespace) -> None:
    from ddpm.commands.sampler_lab.lab import sampler_lab
    from ddpm.commands.sampler_lab.lab_request import LabRequest
    from ddpm.commands.sampler_lab.lab_table import lab_table

    request = LabRequest(
        target=options.target,
        samplers=options.samplers,
        evaluations=options.evaluations,
        ancestral=options.ancestral,
        reference=options.reference,
        n=options.n,
        metric=options.metric,
        network=options.features,
        weights=optional_path(options.weights),
        seed=options.seed,
        out=optional_path(options.out),
        keep=options.keep,
        json=optional_path(options.json),
        overrides=tuple(options.set),
        device=options.device,
    )
    print(lab_table(sampler_lab(request)))
