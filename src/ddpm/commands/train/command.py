"""Command line of `ddpm train`."""

from __future__ import annotations

import argparse
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from ddpm.commands.options import Option, add_options, count, make_request, positive, switch
from ddpm.commands.picture_paths import print_picture_paths
from ddpm.commands.shared_options import DEVICE, SCALE, SET
from ddpm.presets import PRESETS

if TYPE_CHECKING:
    from ddpm.loading.recipes import TrainingRequest

RUN_OPTIONS = (
    Option(
        "target",
        metavar="PRESET|FOLDER|ZIP",
        help="a preset, your own images, or a run to continue",
    ),
    Option("data", "--data", metavar="PATH|NAME", help="images for a preset (ddpm data list)"),
    Option("out", "--out", Path, metavar="DIR", help="run folder (default: runs/NAME)"),
)
TOTAL_OPTIONS = (
    Option("minutes", "--minutes", positive, help="total training time, approximately"),
    Option("epochs", "--epochs", positive, help="total passes over the images"),
    Option("steps", "--steps", count, help="total number of optimizer steps"),
)
START_OPTIONS = (
    Option(
        "init",
        "--init",
        metavar="RUN|FILE|bundled:NAME",
        help="start from trained weights, with their network, objective and normalization, and if they are "
        "bundled with their sampling; none: from random weights (default: for your own images, bundled "
        "weights that suit them)",
    ),
    switch("all_images", "--all-images", "hold nothing out and keep duplicates"),
    switch(
        "shard",
        "--shard",
        "under torchrun: spread a network that does not fit one device over the processes",
    ),
    SCALE,
    DEVICE,
    SET,
)
TRAIN_OPTIONS = (*RUN_OPTIONS, *TOTAL_OPTIONS, *START_OPTIONS)


def define_train(parser: argparse.ArgumentParser) -> None:
    presets = "\n".join(f"  {name:<18}{preset.summary}" for name, preset in PRESETS.items())
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = f"Train a model.\n\npresets:\n{presets}"
    parser.epilog = (
        "Every setting: --set key.path=value, such as --set training.batch_size=64 "
        "(the keys are listed in ddpm/config/sections.py and in the run's config.json)."
    )
    add_options(parser, RUN_OPTIONS)
    add_options(parser.add_mutually_exclusive_group(), TOTAL_OPTIONS)
    add_options(parser, START_OPTIONS)
    parser.set_defaults(command=run_train, multi_process=True)


def training_request(options: Namespace) -> TrainingRequest:
    """Return the training request of parsed `options`."""
    from ddpm.loading.recipes import TrainingRequest

    return make_request(TrainingRequest, TRAIN_OPTIONS, options)


def run_train(options: Namespace) -> int:
    from ddpm.commands.train.resume import new_config
    from ddpm.commands.train.train import train
    from ddpm.loading.recipes import training_recipe
    from ddpm.loading.starting_weights import choose_start
    from ddpm.runs import RunFolder

    request = training_request(options)
    config, out = training_recipe(request)
    run = RunFolder(out)
    if not run.exists():
        new_config(run, config)  # refuses a folder of other files before any image is read
    config, init = choose_start(request, config, run)
    outcome = train(config, out, init=init, device=options.device, shard=options.shard)
    return print_picture_paths(outcome.run, outcome.exit_status)
