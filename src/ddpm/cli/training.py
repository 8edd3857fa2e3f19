"""`ddpm demo` and `ddpm train`: what can be typed, and the workflow each calls."""

from __future__ import annotations

import argparse
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ddpm.cli.arguments import Add, absolute, add_device, add_scale, add_set, count, positive
from ddpm.config import Config, load_config, with_overrides
from ddpm.errors import RequestError
from ddpm.presets import PRESETS, get_preset
from ddpm.runs import RunFolder


def define_demo(add: Add) -> None:
    parser = add("demo", help="train on the digits inside the package: offline, a few minutes")
    parser.add_argument("--out", default="runs/demo", help="run folder (default: %(default)s)")
    add_device(parser)
    parser.set_defaults(command=run_demo)


def define_train(add: Add) -> None:
    presets = "\n".join(f"  {name:<18}{preset.summary}" for name, preset in PRESETS.items())
    parser = add(
        "train",
        help="train a model on images; the same command again goes on where it stopped",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=f"Train a model.\n\npresets:\n{presets}",
        epilog="Every setting: --set key.path=value, such as --set training.batch_size=64 "
        "(the keys stand in ddpm/config/sections.py and in the run's config.json).",
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


def run_demo(options: Namespace) -> int:
    from ddpm.workflows.train import train

    outcome = train(get_preset("digits").config, Path(options.out), device=options.device)
    return print_outcome(outcome.run, outcome.exit_status)


def run_train(options: Namespace) -> int:
    from ddpm.workflows.train import train

    config, out = _training_request(options)
    outcome = train(config, out, init=options.init, device=options.device, shard=options.shard)
    return print_outcome(outcome.run, outcome.exit_status)


def _training_request(options: Namespace) -> tuple[Config, Path]:
    """The configuration and run folder that the arguments of `train` mean."""
    from ddpm.workflows.scaling import scaled

    target, run = Path(options.target), _run_meant(options.target)
    if options.target in PRESETS:
        out = RunFolder(Path(options.out or Path("runs") / options.target))
        config, name = scaled(options.target, options.scale, options.device, out), options.target
    elif run is not None:
        config, name = load_config(run.config), run.root.name
        options.out = options.out or str(run.root)
    elif options.target.startswith("hf:"):
        raise RequestError(
            f"{options.target} names images alone; give a preset as well, such as: ddpm train folder "
            f"--data {options.target}"
        )
    elif target.suffix == ".json" and target.is_file():
        raise RequestError(
            f"{target} is no set of images; to train from a configuration, copy it into a new folder as "
            "config.json and name that folder."
        )
    elif target.exists():
        if options.data is not None:
            raise RequestError(
                f"{options.target} and --data both name images; give one of them, or a preset with --data."
            )
        place = target.resolve()
        config, name = get_preset("folder").config, place.name if place.is_dir() else place.stem
        options.data = str(place)  # the path even where a data set is called so
    elif target.name != options.target or target.suffix:  # meant as a path
        raise RequestError(
            f"There is nothing at {options.target}; give a folder, a zip or an array of images, "
            f"or a preset ({', '.join(PRESETS)})."
        )
    else:
        config, name = get_preset(options.target).config, ""  # raises: names the nearest preset
    if options.scale is not None and options.target not in PRESETS:
        raise RequestError("--scale chooses the size of a preset; leave it out, or name a preset.")
    if options.data is not None:
        config = replace(config, data=replace(config.data, path=absolute(options.data)))
    if options.all_images:
        config = replace(config, data=replace(config.data, all_images=True))
    totals = {key: getattr(options, key) for key in ("steps", "epochs", "minutes")}
    asked = {key: value for key, value in totals.items() if value is not None}
    if asked:
        training = replace(config.training, **{"epochs": 0.0, "minutes": 0.0, **asked})
        config = replace(config, training=training)
    config = with_overrides(config, options.set)
    _check_total(config, options.set)
    return config, Path(options.out or Path("runs") / name)


def _run_meant(target: str) -> RunFolder | None:
    """The run at this path; where nothing lies there, the one called so below `runs/`."""
    from ddpm.workflows.opening import find_run

    run = find_run(target)
    return (
        run if run is not None and (run.root == Path(target) or not Path(target).exists()) else None
    )


def _check_total(config: Config, assignments: Sequence[str]) -> None:
    """RequestError where steps are set that minutes or epochs would overwrite."""
    keys = [assignment.partition("=")[0].strip() for assignment in assignments]
    if "training.steps" in keys and (config.training.minutes or config.training.epochs):
        raise RequestError(
            "training.steps is worked out from training.minutes or training.epochs here; give --steps "
            "instead."
        )


def print_outcome(run: RunFolder, status: int) -> int:
    """Name the pictures of a finished run."""
    if status == 0:
        for path in run.pictures(load_config(run.config).has_reverse_process):
            print(path)
    return status
