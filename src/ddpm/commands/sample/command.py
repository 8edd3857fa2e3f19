"""Command line of `ddpm sample`."""

from __future__ import annotations

import argparse
from argparse import Namespace
from pathlib import Path

from ddpm.commands.options import (
    Option,
    add_options,
    count,
    grid_shape,
    make_request,
    named_values,
    switch,
)
from ddpm.commands.shared_options import SAMPLING
from ddpm.terminal import print_result

SAMPLE_OPTIONS = (
    Option(
        "target",
        metavar="RUN|BUNDLED",
        help="a run folder or its name, a folder of its checkpoints/, an .onnx or .safetensors file of ddpm "
        "export, or bundled weights (bundled:NAME)",
    ),
    Option("n", "-n", count, help="number of images (default: the cells of --grid, else 25)"),
    *SAMPLING,
    Option(
        "grid",
        "--grid",
        grid_shape,
        metavar="RxC",
        help="rows x columns of the grid, such as 5x5",
        text=lambda shape: "x".join(map(str, shape)),
    ),
    switch(
        "gif",
        "--gif",
        "also write the reverse process as a GIF (without --steps: at least 20 steps)",
    ),
    switch("panel", "--panel", "also write a panel of x_t above its predicted x0 over time"),
    Option(
        "png_dir",
        "--png-dir",
        Path,
        metavar="DIR",
        help="write each image as DIR/SEED.png; the same command continues the folder",
    ),
    Option(
        "precision",
        "--precision",
        default="auto",
        choices=("auto", "fp32"),
        help="fp32 computes in float32, as exported files do; auto: bf16 if the hardware supports it "
        "(default: %(default)s)",
    ),
    Option(
        "out",
        "--out",
        Path,
        metavar="FILE",
        help="file to write: a .png or .jpg grid, a .gif, or an .npz array",
    ),
)


def define_sample(parser: argparse.ArgumentParser) -> None:
    add_options(parser, SAMPLE_OPTIONS)
    parser.set_defaults(command=run_sample, multi_process=True)


def run_sample(options: Namespace) -> None:
    from ddpm.commands.sample.sample import SampleRequest, write_samples

    request = make_request(SampleRequest, SAMPLE_OPTIONS, options)
    overrides = named_values(SAMPLE_OPTIONS, options)["overrides"]
    for path in write_samples(options.target, overrides, request, options.device):
        print_result(path)
