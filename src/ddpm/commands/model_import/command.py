"""Command line of `ddpm import`."""

from __future__ import annotations

import argparse
from argparse import Namespace
from pathlib import Path

from ddpm.commands.options import Option, add_options, make_request
from ddpm.data.catalogue import absolute_data_path
from ddpm.terminal import print_result

IMPORT_OPTIONS = (
    Option(
        "path",
        kind=Path,
        metavar="PATH",
        help="a folder of diffusers (UNet2DModel or DDPMPipeline), a checkpoint of "
        "denoising-diffusion-pytorch, or the course's mnist.pt",
    ),
    Option("out", "--out", Path, metavar="DIR", help="new run folder (default: runs/NAME)"),
    Option(
        "data",
        "--data",
        absolute_data_path,
        metavar="PATH|NAME",
        help="images that the model was trained on, for scores and for training on",
    ),
    Option(
        "size",
        "--size",
        metavar="N|HxW",
        help="image size in pixels, if the weights do not say it",
    ),
)


def define_import(parser: argparse.ArgumentParser) -> None:
    add_options(parser, IMPORT_OPTIONS)
    parser.set_defaults(command=run_import)


def run_import(options: Namespace) -> None:
    from ddpm.commands.model_import.import_request import ImportRequest
    from ddpm.commands.model_import.imported_run import import_model

    print_result(import_model(make_request(ImportRequest, IMPORT_OPTIONS, options)))
