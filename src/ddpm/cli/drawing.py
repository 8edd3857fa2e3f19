"""`ddpm sample`, `forward`, `interpolate`, `inpaint` and `refine`: pictures from a trained model."""

from __future__ import annotations

import typing
from argparse import Namespace
from pathlib import Path
from typing import Any

from ddpm.cli.arguments import (
    Add,
    add_sampling,
    count,
    grid,
    natural,
    optional_path,
    sampling_overrides,
    share,
)
from ddpm.config import ScheduleName

SCHEDULES = typing.get_args(ScheduleName)


def define_sample(add: Add) -> None:
    parser = add("sample", help="draw images from a run or from bundled weights")
    parser.add_argument(
        "target",
        metavar="RUN|BUNDLED",
        help="a run folder, its name, or bundled weights (bundled:NAME where a run has that name)",
    )
    parser.add_argument("-n", type=count, default=25, help="how many images (default: %(default)s)")
    add_sampling(parser)
    parser.add_argument(
        "--grid", type=grid, metavar="RxC", help="rows x columns of the picture, such as 5x5"
    )
    parser.add_argument(
        "--gif",
        action="store_true",
        help="also the reverse process as a GIF; without --steps, of 20 at least",
    )
    parser.add_argument(
        "--panel", action="store_true", help="also x_t above its predicted x0, over time"
    )
    parser.add_argument("--png-dir", metavar="DIR", help="each image as DIR/SEED.png")
    parser.add_argument(
        "--out", metavar="FILE", help="a .png or .jpg grid, a .gif, or an .npz array"
    )
    parser.set_defaults(command=run_sample, shared=True)


def define_forward(add: Add) -> None:
    parser = add("forward", help="draw the forward process: an image turning into noise")
    parser.add_argument("target", metavar="IMAGE|DATA", help="an image file or a set of images")
    parser.add_argument(
        "--schedule", choices=SCHEDULES, default="linear", help="default: %(default)s"
    )
    parser.add_argument("--seed", type=natural, default=0, help="of the noise (default: 0)")
    parser.add_argument("--out", metavar="FILE", default="forward.png", help="default: %(default)s")
    parser.set_defaults(command=run_forward)


def define_edit(add: Add) -> None:
    interpolate = add("interpolate", help="walk from one drawn image to another")
    interpolate.add_argument("target", metavar="RUN|BUNDLED")
    interpolate.add_argument(
        "--pairs", type=count, default=4, help="rows of the picture (default: 4)"
    )
    interpolate.add_argument("--between", type=count, default=7, help="images between (default: 7)")
    inpaint = add("inpaint", help="redraw the masked part of an image")
    inpaint.add_argument("target", metavar="RUN|BUNDLED")
    inpaint.add_argument("image", metavar="IMAGE")
    inpaint.add_argument(
        "mask", metavar="MASK", help="white where the image is to be redrawn, of the image's shape"
    )
    inpaint.add_argument("-n", type=count, default=4, help="how many answers (default: 4)")
    refine = add("refine", help="redraw an image or a sketch from a given moment of the noise")
    refine.add_argument("target", metavar="RUN|BUNDLED")
    refine.add_argument("image", metavar="IMAGE")
    refine.add_argument(
        "--strength",
        type=share,
        default=0.5,
        help="0 keeps the image, 1 forgets it (default: 0.5)",
    )
    refine.add_argument("-n", type=count, default=4, help="how many answers (default: 4)")
    for parser, command in (
        (interpolate, run_interpolate),
        (inpaint, run_inpaint),
        (refine, run_refine),
    ):
        add_sampling(parser)
        parser.add_argument("--out", metavar="FILE", help="the picture (default: beside the run)")
        parser.set_defaults(command=command)


def run_sample(options: Namespace) -> None:
    from ddpm.workflows.pictures import SampleRequest, write_samples

    request = SampleRequest(
        n=options.n,
        seed=options.seed,
        label=options.label,
        grid=options.grid,
        gif=options.gif,
        panel=options.panel,
        png_dir=optional_path(options.png_dir),
        out=optional_path(options.out),
    )
    overrides = sampling_overrides(options)
    for path in write_samples(options.target, overrides, request, options.device):
        print(path)


def run_forward(options: Namespace) -> None:
    from ddpm.workflows.forward import write_forward

    print(write_forward(options.target, options.schedule, options.seed, Path(options.out)))


def _editing(options: Namespace) -> dict[str, Any]:
    """The arguments that every editing workflow takes by name."""
    return {
        "seed": options.seed,
        "label": options.label,
        "out": optional_path(options.out),
        "device": options.device,
    }


def run_interpolate(options: Namespace) -> None:
    from ddpm.workflows.edit import write_interpolation

    shape = {"pairs": options.pairs, "between": options.between}
    overrides = sampling_overrides(options)
    print(write_interpolation(options.target, overrides, **shape, **_editing(options)))


def run_inpaint(options: Namespace) -> None:
    from ddpm.workflows.edit import write_inpainting

    images = {"image": Path(options.image), "mask": Path(options.mask), "n": options.n}
    overrides = sampling_overrides(options)
    print(write_inpainting(options.target, overrides, **images, **_editing(options)))


def run_refine(options: Namespace) -> None:
    from ddpm.workflows.edit import write_refinement

    image = {"image": Path(options.image), "strength": options.strength, "n": options.n}
    overrides = sampling_overrides(options)
    print(write_refinement(options.target, overrides, **image, **_editing(options)))
