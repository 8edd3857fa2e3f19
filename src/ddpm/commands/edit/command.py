"""commands.edit.command."""

from __future__ import annotations

import argparse
from argparse import Namespace
from pathlib import Path
from typing import Any

from ddpm.commands.arguments import (
    add_sampling,
    count,
    optional_path,
    sampling_overrides,
    share,
)


def define_interpolate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", metavar="RUN|BUNDLED")
    parser.add_argument("--pairs", type=count, default=4, help="rows of the picture (default: 4)")
    parser.add_argument("--between", type=count, default=7, help="images between (default: 7)")
    _add_drawing(parser)
    parser.set_defaults(command=run_interpolate)


def define_inpaint(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", metavar="RUN|BUNDLED")
    parser.add_argument("image", metavar="IMAGE")
    parser.add_argument(
        "mask", metavar="MASK", help="white where the image is to be redrawn, of the image's shape"
    )
    parser.add_argument("-n", type=count, default=4, help="how many answers (default: 4)")
    _add_drawing(parser)
    parser.set_defaults(command=run_inpaint)


def define_refine(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", metavar="RUN|BUNDLED")
    parser.add_argument("image", metavar="IMAGE")
    parser.add_argument(
        "--strength",
        type=share,
        default=0.5,
        help="0 keeps the image, 1 forgets it (default: 0.5)",
    )
    parser.add_argument("-n", type=count, default=4, help="how many answers (default: 4)")
    _add_drawing(parser)
    parser.set_defaults(command=run_refine)


def _add_drawing(parser: argparse.ArgumentParser) -> None:
    add_sampling(parser)
    parser.add_argument("--out", metavar="FILE", help="the picture (default: beside the run)")


def _editing(options: Namespace) -> dict[str, Any]:
    """The arguments that every editing workflow takes by name."""
    return {
        "seed": options.seed,
        "label": options.label,
        "out": optional_path(options.out),
        "device": options.device,
    }


def run_interpolate(options: Namespace) -> None:
    from ddpm.commands.edit.edit import write_interpolation

    shape = {"pairs": options.pairs, "between": options.between}
    overrides = sampling_overrides(options)
    print(write_interpolation(options.target, overrides, **shape, **_editing(options)))


def run_inpaint(options: Namespace) -> None:
    from ddpm.commands.edit.edit import write_inpainting

    images = {"image": Path(options.image), "mask": Path(options.mask), "n": options.n}
    overrides = sampling_overrides(options)
    print(write_inpainting(options.target, overrides, **images, **_editing(options)))


def run_refine(options: Namespace) -> None:
    from ddpm.commands.edit.edit import write_refinement

    image = {"image": Path(options.image), "strength": options.strength, "n": options.n}
    overrides = sampling_overrides(options)
    print(write_refinement(options.target, overrides, **image, **_editing(options)))
