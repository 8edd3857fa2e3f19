"""The bodies of the commands: arguments → one workflow call → a printed line. Imports wait until called."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from typing import Any

from ddpm.config import Config, load_config, with_overrides
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
        config, name = load_config(RunFolder(target).config), target.name
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


def _sampling_overrides(options: Namespace) -> list[str]:
    """The options of drawing as `sampling.key=value`, with --set behind them."""
    asked = {name: getattr(options, name) for name in ("sampler", "steps", "guidance")}
    named = [f"sampling.{name}={value}" for name, value in asked.items() if value is not None]
    return [*named, *options.set]


def sample(options: Namespace) -> None:
    from ddpm.workflows.pictures import SampleRequest, write_samples

    request = SampleRequest(
        n=options.n,
        seed=options.seed,
        label=options.label,
        grid=options.grid,
        gif=options.gif,
        panel=options.panel,
        png_dir=_path(options.png_dir),
        out=_path(options.out),
    )
    overrides = _sampling_overrides(options)
    for path in write_samples(options.target, overrides, request, options.device):
        print(path)


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)


def forward(options: Namespace) -> None:
    from ddpm.workflows.forward import write_forward

    print(write_forward(options.target, options.schedule, options.seed, Path(options.out)))


def _editing(options: Namespace) -> dict[str, Any]:
    """The arguments that every editing workflow takes by name."""
    return {
        "seed": options.seed,
        "label": options.label,
        "out": _path(options.out),
        "device": options.device,
    }


def interpolate(options: Namespace) -> None:
    from ddpm.workflows.edit import write_interpolation

    shape = {"pairs": options.pairs, "between": options.between}
    overrides = _sampling_overrides(options)
    print(write_interpolation(options.target, overrides, **shape, **_editing(options)))


def inpaint(options: Namespace) -> None:
    from ddpm.workflows.edit import write_inpainting

    images = {"image": Path(options.image), "mask": Path(options.mask), "n": options.n}
    overrides = _sampling_overrides(options)
    print(write_inpainting(options.target, overrides, **images, **_editing(options)))


def refine(options: Namespace) -> None:
    from ddpm.workflows.edit import write_refinement

    image = {"image": Path(options.image), "strength": options.strength, "n": options.n}
    overrides = _sampling_overrides(options)
    print(write_refinement(options.target, overrides, **image, **_editing(options)))


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

    choices = {"raw": options.raw, "half": options.half}
    print(export_weights(options.target, options.to, _path(options.out), **choices))


def runs(options: Namespace) -> None:
    found = list_runs(Path(options.folder))
    for run in found:
        try:
            config, steps = load_config(run.config), run.checkpoint_steps()
        except RequestError as error:
            print(f"{run.root}  {error}")
            continue
        print(
            f"{run.root}  {config.preset}  step {steps[-1] if steps else 0} of {config.training.steps}"
        )
    if not found:
        print(f"There are no runs in {options.folder}; make one with: ddpm demo")


def _print_outcome(run: RunFolder, status: int) -> int:
    """Name the pictures of a finished run."""
    if status == 0:
        for path in (run.loss_plot, run.sample_grid, run.denoising):
            print(path)
    return status
