"""The bodies of the commands: arguments → one workflow call → a printed line. Imports wait until called."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import replace
from pathlib import Path

from ddpm.config import Config, SamplingConfig, with_overrides
from ddpm.errors import RequestError
from ddpm.presets import PRESETS, get_preset
from ddpm.runs import RunFolder, list_runs


def demo(options: Namespace) -> int:
    from ddpm.workflows.train import train

    outcome = train(get_preset("digits").config, Path(options.out))
    return _print_outcome(outcome.run, outcome.exit_status)


def train(options: Namespace) -> int:
    from ddpm.workflows.train import train

    config, out = _training_request(options)
    outcome = train(config, out, init=options.init, device=options.device)
    return _print_outcome(outcome.run, outcome.exit_status)


def _training_request(options: Namespace) -> tuple[Config, Path]:
    """The configuration and run folder that the arguments of `train` mean."""
    target = Path(options.target)
    if options.target in PRESETS:
        config, name = get_preset(options.target).config, options.target
    elif RunFolder(target).exists():
        config, name = RunFolder(target).load_config(), target.name
        options.out = options.out or str(target)
    elif target.exists():
        config, name = get_preset("folder").config, target.resolve().stem
        options.data = options.data or options.target
    else:
        config, name = get_preset(options.target).config, ""  # raises: names the nearest preset
    if options.data is not None:
        config = replace(config, data=replace(config.data, path=_absolute(options.data)))
    if options.all_images:
        config = replace(config, data=replace(config.data, all_images=True))
    totals = {key: getattr(options, key) for key in ("steps", "epochs", "minutes")}
    asked = {key: value for key, value in totals.items() if value is not None}
    if asked:
        training = replace(config.training, **{"epochs": 0.0, "minutes": 0.0, **asked})
        config = replace(config, training=training)
    return with_overrides(config, options.set), Path(options.out or Path("runs") / name)


def _absolute(data: str) -> str:
    """Paths are kept whole, so that a run can go on from another folder; names stay names."""
    return str(Path(data).resolve()) if Path(data).exists() else data


def sample(options: Namespace) -> None:
    from ddpm.workflows.pictures import write_samples

    for path in write_samples(options.target, _asked_settings(options), _request(options)):
        print(path)


def forward(options: Namespace) -> None:
    from ddpm.workflows.pictures import write_forward

    print(write_forward(options.target, options.schedule, options.seed, Path(options.out)))


def interpolate(options: Namespace) -> None:
    from ddpm.workflows.edit import write_interpolation

    print(write_interpolation(options.target, _asked_settings(options), _request(options)))


def inpaint(options: Namespace) -> None:
    from ddpm.workflows.edit import write_inpainting

    print(write_inpainting(options.target, _asked_settings(options), _request(options)))


def refine(options: Namespace) -> None:
    from ddpm.workflows.edit import write_refinement

    print(write_refinement(options.target, _asked_settings(options), _request(options)))


def data_list(options: Namespace) -> None:
    from ddpm.workflows.inspect import list_datasets

    print(list_datasets())


def data_prepare(options: Namespace) -> None:
    from ddpm.workflows.inspect import prepare_dataset

    print(prepare_dataset(options.target, options.size, options.channels, options.all_images))


def data_inspect(options: Namespace) -> None:
    from ddpm.workflows.inspect import inspect_dataset

    print(inspect_dataset(options.target, Path(options.out)))


def export(options: Namespace) -> None:
    from ddpm.workflows.export import export_weights

    print(export_weights(options.target, options.to, options.out, raw=options.raw))


def runs(options: Namespace) -> None:
    found = list_runs(Path(options.folder))
    for run in found:
        config, steps = run.load_config(), run.checkpoint_steps()
        print(f"{run.root}  {config.preset}  step {steps[-1] if steps else 0} of {config.training.steps}")
    if not found:
        print(f"There are no runs in {options.folder}; make one with: ddpm demo")
