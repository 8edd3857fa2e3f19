"""Which size of a preset is trained: the run's own, the one asked for, or the one that suits the device."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ddpm.config import Config, ScaleName, load_config, with_overrides
from ddpm.data.catalogue import absolute
from ddpm.device import device_scale, pick_device
from ddpm.errors import RequestError
from ddpm.presets import PRESETS, get_preset
from ddpm.runs import RunFolder
from ddpm.terminal import say

WORDS = {"cpu": "a CPU", "small-gpu": "a small GPU", "big-gpu": "a big GPU"}


def scaled(
    name: str, asked: ScaleName | None, device: str = "auto", run: RunFolder | None = None
) -> Config:
    """The preset `name` at the scale `asked` for, else at that of `run` once begun, else the device's.

    Which one it is gets said in a line. RequestError where a scale is asked of a preset that has but one.
    """
    preset = get_preset(name)
    if not preset.scales:
        if asked is not None:
            raise RequestError(f"{name} has one size for every device; leave --scale out.")
        return preset.config
    begun = run is not None and run.exists()
    scale, why = asked, "as asked for"
    if scale is None and run is not None and begun:
        scale, why = load_config(run.config).scale, f"as {run.root} was begun"
    elif scale is None:
        where = pick_device(device)
        scale, why = device_scale(where), f"chosen for {where}; --scale takes another"
    say(f"{name} in the size for {WORDS[scale]} ({why})")
    return preset.at(scale)


def _training_request(options: Namespace) -> tuple[Config, Path]:
    """The configuration and run folder that the arguments of `train` mean."""
    from ddpm.loading.recipes import scaled

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
    from ddpm.runs import find_run

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
