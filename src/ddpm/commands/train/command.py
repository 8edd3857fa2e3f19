"""`ddpm demo` and `ddpm train`: what can be typed, and the workflow each calls."""

from __future__ import annotations

import argparse
from argparse import Namespace

from ddpm.commands.arguments import (
    add_device,
    add_scale,
    add_set,
    count,
    optional_path,
    positive,
    print_outcome,
)
from ddpm.loading.recipes import TrainingRequest, training_recipe
from ddpm.presets import PRESETS


def define_train(parser: argparse.ArgumentParser) -> None:
    presets = "\n".join(f"  {name:<18}{preset.summary}" for name, preset in PRESETS.items())
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = f"Train a model.\n\npresets:\n{presets}"
    parser.epilog = (
        "Every setting: --set key.path=value, such as --set training.batch_size=64 "
        "(the keys stand in ddpm/config/sections.py and in the run's config.json)."
    )
    parser.add_argument(
        "target",
        metavar="PRESET|FOLDER|ZIP",
        help="a preset, images of your own, or a run to go on with",
    )
    parser.add_argument("--data", metavar="PATH|NAME", help="images for a preset (ddpm data list)")
    parser.add_argument("--out", metavar="DIR", help="run folder (default: runs/NAME)")
    total = parser.add_mutually_exclusive_group()
    total.add_argument("--minutes", type=positive, help="train for about this long in all")
    total.add_argument("--epochs", type=positive, help="passes over the images in all")
    total.add_argument("--steps", type=count, help="optimizer steps in all")
    parser.add_argument("--init", metavar="RUN|FILE", help="start from trained weights")
    parser.add_argument(
        "--all-images", action="store_true", help="hold nothing out, keep exact duplicates"
    )
    parser.add_argument(
        "--shard",
        action="store_true",
        help="under torchrun: spread a network that does not fit one device over the processes",
    )
    add_scale(parser)
    add_device(parser)
    add_set(parser)
    parser.set_defaults(command=run_train, shared=True)


def training_request(options: Namespace) -> TrainingRequest:
    """Return the request that the command line makes."""
    return TrainingRequest(
        target=options.target,
        data=options.data,
        out=optional_path(options.out),
        steps=options.steps,
        epochs=options.epochs,
        minutes=options.minutes,
        all_images=options.all_images,
        scale=options.scale,
        device=options.device,
        overrides=options.set,
    )


def run_train(options: Namespace) -> int:
    from ddpm.commands.train.train import train

    config, out = training_recipe(training_request(options))
    outcome = train(config, out, init=options.init, device=options.device, shard=options.shard)
    return print_outcome(outcome.run, outcome.exit_status)
