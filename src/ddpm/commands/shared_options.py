"""Options that several commands have in common. Standard library only."""

from __future__ import annotations

import typing
from pathlib import Path

from ddpm.commands.options import Option, count, natural, positive, switch
from ddpm.config import SamplerName, ScaleName
from ddpm.data.catalogue import absolute_data_path
from ddpm.evaluation.feature_networks import FEATURE_NETWORKS

SAMPLERS = typing.get_args(SamplerName)
SCALES = typing.get_args(ScaleName)
FEATURE_NAMES = ("auto", *FEATURE_NETWORKS)

DEVICE = Option(
    "device",
    "--device",
    default="auto",
    help="auto, cpu, cuda or mps (default: auto)",
    printed=False,
)
SET = Option(
    "overrides",
    "--set",
    repeated=True,
    metavar="KEY=VALUE",
    help="any configuration key; may be given several times",
)
DATA = Option(
    "data",
    "--data",
    absolute_data_path,
    metavar="PATH|NAME",
    help="images to use instead of the target's own",
)
SCALE = Option(
    "scale",
    "--scale",
    choices=SCALES,
    help="size of a preset that has several (default: chosen for the device)",
)
PRINT_JSON = switch("json", "--json", "print JSON")
SEED = Option("seed", "--seed", natural, 0, help="seed of the first image (default: 0)")

SAMPLER_SETTINGS = (
    Option(
        "sampling.sampler",
        "--sampler",
        choices=SAMPLERS,
        help="sampler (default: the run's own)",
    ),
    Option("sampling.steps", "--steps", count, help="number of sampling steps"),
    Option(
        "sampling.guidance",
        "--guidance",
        positive,
        metavar="SCALE",
        help="guidance scale: toward the label, or without labels away from an early state of the run; 1: "
        "no guidance",
    ),
    DEVICE,
    SET,
)
SAMPLING = (
    SEED,
    Option(
        "label",
        "--label",
        help="class to sample, for models trained with labels; several (3,5,8) or all: one for each row; "
        "with weights (3:0.5,8:0.5, or 3:1,8:-0.5) a mixture",
    ),
    *SAMPLER_SETTINGS,
)

REFERENCE = Option(
    "reference",
    "--reference",
    metavar="DATA",
    help="real images to measure against (default: the model's own training images)",
)
FEATURES = (
    Option(
        "network",
        "--features",
        default="auto",
        choices=FEATURE_NAMES,
        help="feature network (default: %(default)s)",
    ),
    Option(
        "weights",
        "--weights",
        Path,
        metavar="PATH",
        help="weights of the feature network inception or dino",
    ),
)
MEASURE = (
    REFERENCE,
    Option("n", "-n", count, help="number of images (default: 1000, or all there are)"),
    *FEATURES,
    Option(
        "seed",
        "--seed",
        natural,
        0,
        help="seed of the first image and of every random choice (default: 0)",
    ),
    Option(
        "likelihood",
        "--likelihood",
        natural,
        64,
        metavar="M",
        help="held-out images for the bits/dim of a diffusion model; 0 turns it off (default: 64)",
    ),
    *SAMPLER_SETTINGS,
)
TOTAL_OPTIONS = (  # of a training that starts from another model
    Option("minutes", "--minutes", positive, help="total training time, approximately"),
    Option("steps", "--steps", count, help="total number of optimizer steps"),
)
