"""Training recipes: from the arguments of `ddpm train` to a configuration and a run folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ddpm.config import Config, ScaleName, load_config, with_overrides
from ddpm.data.catalogue import absolute_data_path
from ddpm.device import device_scale, pick_device
from ddpm.errors import RequestError
from ddpm.files import real_path
from ddpm.loading.fine_tuning import with_recorded_fine_tuning
from ddpm.loading.initial_weights import adopt_settings, with_initial_settings
from ddpm.presets import NO_WEIGHTS, PRESETS, get_preset
from ddpm.runs import RUNS_FOLDER, RunFolder, find_run
from ddpm.terminal import print_line
from ddpm.training.budget import TOTAL_KEYS

_OPTION_KEYS = {"data": "data.path", "all_images": "data.all_images"}  # set by these options
SCALE_TEXTS = {"cpu": "a CPU", "small-gpu": "a small GPU", "big-gpu": "a big GPU"}


@dataclass(frozen=True)
class TrainingRequest:
    """The arguments of `ddpm train` that decide what is trained and where. None: not given."""

    target: str  # a preset, images, or a run
    data: str | None = None
    out: Path | None = None
    steps: int | None = None
    epochs: float | None = None
    minutes: float | None = None
    init: str | None = None  # a run, a weights file or bundled weights; "none": random weights
    all_images: bool = False
    scale: ScaleName | None = None
    device: str = "auto"
    overrides: Sequence[str] = ()  # key.path=value


def training_recipe(request: TrainingRequest) -> tuple[Config, Path]:
    """Return the configuration and the run folder for `request`.

    RequestError if the target is not a preset, a run or images, or if arguments contradict each other.
    """
    _check_given_once(request)
    config, out, data = _base_recipe(request)
    if request.scale is not None and request.target not in PRESETS:
        raise RequestError(
            f"--scale applies to presets, and {request.target} is not one; leave --scale out."
        )
    if data is not None:
        config = replace(config, data=replace(config.data, path=data))
    if request.all_images:
        config = replace(config, data=replace(config.data, all_images=True))
    totals = {key: getattr(request, key) for key in ("steps", "epochs", "minutes")}
    totals = {key: value for key, value in totals.items() if value is not None}
    if totals:
        training = replace(config.training, **{"epochs": 0.0, "minutes": 0.0, **totals})
        config = replace(config, training=training)
    config = _with_initial_weights(config, request, RunFolder(out))
    config = with_overrides(config, request.overrides)
    _check_steps_override(config, request.overrides)
    return config, out


def check_options_once(options: Mapping[str, object], overrides: Sequence[str]) -> None:
    """Raise RequestError if `options` by flag (None: not given) and --set give two training lengths."""
    given = [option for option, value in options.items() if value is not None]
    given += [
        f"--set {key}" for key in dict.fromkeys(override_keys(overrides)) if key in TOTAL_KEYS
    ]
    if len(given) > 1:
        raise RequestError(
            f"{' and '.join(given)} each set the length of the training; give one of them."
        )


def scaled_preset(
    name: str, scale: ScaleName | None, device: str = "auto", run: RunFolder | None = None
) -> Config:
    """Return the configuration of the preset `name` for a size of device, and print which size.

    The size is `scale` if given, else the size of `run` if it exists, else the size that suits `device`.
    RequestError if `scale` is given for a preset that has only one size.
    """
    preset = get_preset(name)
    if not preset.scales:
        if scale is not None:
            raise RequestError(f"{name} has one size for all devices; leave --scale out.")
        return preset.config
    if scale is not None:
        why = "set by --scale"
    elif run is not None and run.exists():
        scale, why = load_config(run.config).scale, f"as in {run.root}"
    else:
        torch_device = pick_device(device)
        scale, why = (
            device_scale(torch_device),
            f"chosen for {torch_device}; use --scale to change it",
        )
    print_line(f"{name} in the size for {SCALE_TEXTS[scale]} ({why})")
    return preset.config_for(scale)


def _check_given_once(request: TrainingRequest) -> None:
    """Raise RequestError if an option and --set give the same setting. A total of 0 is no total."""
    totals = {"--minutes": request.minutes, "--epochs": request.epochs, "--steps": request.steps}
    check_options_once(totals, [text for text in request.overrides if not _sets_zero(text)])
    keys = override_keys(request.overrides)
    for name, key in _OPTION_KEYS.items():
        if getattr(request, name) and key in keys:
            option = f"--{name.replace('_', '-')}"
            raise RequestError(f"{option} and --set {key} give the same setting; give one of them.")


def _sets_zero(override: str) -> bool:
    return override.partition("=")[2].strip().rstrip("0") in ("", "0.", ".")


def _base_recipe(request: TrainingRequest) -> tuple[Config, Path, str | None]:
    """Return the configuration to change, the run folder, and the path of other images (None: its own)."""
    data = None if request.data is None else absolute_data_path(request.data)
    if request.target in PRESETS:
        out = request.out or RUNS_FOLDER / request.target
        return (
            scaled_preset(request.target, request.scale, request.device, RunFolder(out)),
            out,
            data,
        )
    if (run := target_run(request)) is not None:
        return load_config(run.config), request.out or run.root, data
    _check_images(request)
    # absolute, so that it is never taken for the name of a data set
    path = real_path(Path(request.target))
    out = request.out or RUNS_FOLDER / (path.name if path.is_dir() else path.stem)
    return get_preset("folder").config, out, str(path)


def target_run(request: TrainingRequest) -> RunFolder | None:
    """Return the run that the target names; None if it is a preset or images."""
    run, path = find_run(request.target), Path(request.target)
    # an existing path takes precedence over runs/NAME
    is_run = run is not None and (run.root == path or not path.exists())
    return run if is_run and request.target not in PRESETS else None


def _with_initial_weights(config: Config, request: TrainingRequest, run: RunFolder) -> Config:
    """Return `config` with the network and the objective of the weights of --init.

    A run that started with --init keeps its own, so that the command that resumes it needs no weights.
    """
    init = None if request.init == NO_WEIGHTS else request.init
    if not run.exists():
        keys = override_keys(request.overrides)
        return config if init is None else with_initial_settings(config, init, keys)
    own = load_config(run.config)
    has_init = init is not None or run.load_environment().get("init") is not None
    if not has_init or own.model != config.model:
        return config
    config = adopt_settings(config, own, own.data.labels)
    preset = PRESETS.get(own.preset)
    return with_recorded_fine_tuning(config, own) if preset and preset.weights else config


def override_keys(overrides: Sequence[str]) -> list[str]:
    """Return the keys of `key.path=value` assignments."""
    return [override.partition("=")[0].strip() for override in overrides]


def _check_images(request: TrainingRequest) -> None:
    """Raise RequestError if the target is not the path of images."""
    target, path = request.target, Path(request.target)
    if target.startswith("hf:"):
        raise RequestError(
            f"{target} is a data set, not a preset. Train on it with: ddpm train folder --data {target}"
        )
    if path.suffix == ".json" and path.is_file():
        raise RequestError(
            f"{target} is not a set of images. To train from a configuration, copy it to config.json in a "
            "new folder and pass that folder."
        )
    if path.exists() and request.data is not None:
        raise RequestError(f"{target} and --data both name images; give only one of them.")
    if not path.exists() and (path.name != target or path.suffix):  # written as a path
        raise RequestError(
            f"There is nothing at {target}; give a folder, a zip or an array of images, or a preset "
            f"({', '.join(PRESETS)})."
        )
    if not path.exists():
        get_preset(target)  # raises: names the nearest preset


def _check_steps_override(config: Config, overrides: Sequence[str]) -> None:
    """Raise RequestError if training.steps is set but minutes or epochs would replace it."""
    if "training.steps" in override_keys(overrides) and (
        config.training.minutes or config.training.epochs
    ):
        raise RequestError(
            "training.steps is computed from training.minutes or training.epochs here; use --steps instead."
        )
