"""`ddpm sample`, `forward`, `interpolate`, `inpaint` and `refine`: pictures from a trained model."""

from __future__ import annotations

import argparse
from argparse import Namespace

from ddpm.commands.arguments import (
    add_sampling,
    count,
    grid,
    optional_path,
    sampling_overrides,
)


def define_sample(parser: argparse.ArgumentParser) -> None:
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


def run_sample(options: Namespace) -> None:
    from ddpm.commands.sample.sample import SampleRequest, write_samples

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
