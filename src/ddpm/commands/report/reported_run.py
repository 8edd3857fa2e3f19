"""Runs and comparisons as a report shows them, read from their files."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ddpm.commands.report.pictures import (
    FRAMES,
    PictureFolder,
    draw_forward,
    draw_loss,
    draw_networks,
    draw_real,
    draw_samples,
    training_images,
)
from ddpm.commands.report.report_data import ReportedComparison, ReportedRun
from ddpm.commands.report.reproduce import (
    data_command,
    evaluate_command,
    forward_command,
    sample_command,
    train_command,
)
from ddpm.config import EARLY_GUIDE, Config, load_config
from ddpm.data.catalogue import data_name
from ddpm.data.dataset import parse_size
from ddpm.errors import RequestError
from ddpm.files import read_json
from ddpm.loading.models import OpenedModel, open_model
from ddpm.loading.run_summary import run_summary
from ddpm.messages import Message, sentence
from ddpm.models.fingerprint import weights_hash
from ddpm.models.spec import ModelSpec
from ddpm.old_messages import upgrade_messages
from ddpm.runs import COMPARISON_FILE, RunFolder, read_metrics
from ddpm.sampling.settings import animation_settings
from ddpm.terminal import print_line
from ddpm.training.memorization import is_memorization
from ddpm.visuals.series import read_series, smoothing_window

_ITERATIONS = ("loss", "generator_loss", "discriminator_loss")  # logged at every step
_LAST = ("epoch_loss", "heldout_loss", "training_images_loss")  # the last one counts


@dataclass(frozen=True)
class _Run:
    """An opened run: its files, and its model if it has a checkpoint."""

    folder: RunFolder
    name: str
    config: Config
    environment: Mapping[str, Any]
    rows: Sequence[Mapping[str, Any]]
    opened: OpenedModel | None

    @property
    def data(self) -> Mapping[str, Any]:
        """The record of the images in environment.json."""
        found = self.environment.get("data", {})
        return found if isinstance(found, dict) else {}

    @property
    def spec(self) -> ModelSpec | None:
        """The specification of the model: from its checkpoint, else from configuration and environment."""
        if self.opened is not None:
            return self.opened.model.spec
        if "size" not in self.data or "channels" not in self.data:
            return None
        size, channels = parse_size(self.data["size"]), int(self.data["channels"])
        return size and ModelSpec(self.config, (channels, *size), (0.0,) * channels, 1.0)


def read_run(
    folder: RunFolder, name: str, picture_folder: PictureFolder, device: str
) -> ReportedRun:
    """Return what a report shows of a run, called `name`; draw its pictures into `picture_folder`."""
    config = load_config(folder.config)
    rows, opened = read_metrics(folder.metrics), _open(folder, device)
    run = _Run(folder, name, config, folder.load_environment(), rows, opened)
    from_data = _draw(run, picture_folder)
    sampled_by, animated_by = _sampling_messages(opened)
    return ReportedRun(
        name=name,
        config=_shown_config(folder, opened),
        environment=run.environment,
        progress=_progress(run),
        losses=_losses(rows),
        commands=_commands(run),
        parameters=_parameters(run),
        classes=run.spec.num_classes if run.spec else 0,
        step=None if opened is None else opened.step,
        sampled_by=sampled_by,
        animated_by=animated_by,
        average=None if opened is None else opened.average,
        weights="" if opened is None else weights_hash(opened.model),
        data_name=data_name(config.data.path),
        evaluation=read_evaluation(folder.evaluation),
        pictures=picture_folder.names,
        forward_from_data=from_data,
        frame_shares=", ".join(f"{100 * share:g} %" for share in FRAMES),
    )


def _shown_config(folder: RunFolder, opened: OpenedModel | None) -> dict[str, Any]:
    """Return config.json with the guide that the model samples with in place of `early`."""
    config: dict[str, Any] = read_json(folder.config)
    if opened is not None and config["sampling"].get("guide") == EARLY_GUIDE:
        config["sampling"] |= asdict(opened.model.spec.config.sampling)
    return config


def _sampling_messages(opened: OpenedModel | None) -> tuple[Message | None, Message | None]:
    """Return how a model samples images, and how it samples those that show the backward process."""
    if opened is None:
        return None, None
    model, settings = opened.model, opened.model.spec.config.sampling
    return model.describe_sampling(settings), model.describe_sampling(
        animation_settings(model, settings)
    )


def _open(folder: RunFolder, device: str) -> OpenedModel | None:
    """Return the model of the newest checkpoint; None without one, or if it is damaged, with a warning."""
    if not folder.checkpoint_steps():
        return None
    try:
        return open_model(str(folder.root), device)
    except RequestError as error:
        print_line(f"{error} The report is written without its samples.")
        return None


def slug(name: str) -> str:
    """Return a name that can be part of a file name."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "run"


def _draw(run: _Run, picture_folder: PictureFolder) -> bool:
    """Draw every possible picture; return whether the forward strip shows training images."""
    draw_loss(picture_folder, run.rows, sentence(run.data.get("held_out_reason")))
    if run.spec is not None:
        draw_networks(picture_folder, run.spec)
    drawn = None if run.opened is None else draw_samples(picture_folder, run.folder, run.opened)
    real = training_images(run.config, run.data.get("content_hash"))
    if real is not None:
        draw_real(picture_folder, real)
    if not run.config.has_reverse_process:
        return True
    return draw_forward(picture_folder, run.config, real, drawn)


def _progress(run: _Run) -> dict[str, Any]:
    """Return steps, images, epochs, minutes and images/s; {} before the first step."""
    facts = run_summary(run.folder)
    if not facts["steps"]:
        return {}
    images, minutes, used = facts["images_seen"], facts["minutes"], run.data.get("used")
    return {
        "step": facts["steps"],
        "images": images,
        "epochs": images / used if used else None,
        "minutes": minutes,
        "speed": images / (60 * minutes) if minutes else None,
    }


def _losses(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the final losses: a mean over the last iterations, or the last value.

    The step of the first warning of memorization is added, if there is one.
    """
    found: dict[str, dict[str, Any]] = {}
    for kind in (*_ITERATIONS, *_LAST):
        values = read_series(rows, kind).values
        if len(values):
            window = min(smoothing_window(len(values)), len(values)) if kind in _ITERATIONS else 1
            mean = float(values[-window:].mean())
            found[kind] = {"value": mean, "window": window if kind in _ITERATIONS else None}
    onset = next((row["step"] for row in rows if is_memorization(row)), None)
    return found if onset is None else found | {"memorization": {"value": onset}}


def _commands(run: _Run) -> dict[str, str]:
    root, process = run.folder.root, run.config.has_reverse_process
    commands = {
        "train": train_command(root, run.config, run.environment.get("init")),
        "data": data_command(run.config),
        "sample": sample_command(root, gif=process),
        "evaluate": evaluate_command(root),
    }
    return commands | ({"forward": forward_command(run.config)} if process else {})


def _parameters(run: _Run) -> dict[str, int]:
    recorded = run.environment.get("parameters")
    if isinstance(recorded, dict):
        return recorded
    return {} if run.opened is None else run.opened.model.parameter_counts()


def read_evaluation(path: Path) -> dict[str, Any] | None:
    """Return the content of evaluation.json, None if there is none; RequestError if it is damaged."""
    return (
        _read_json(path, ("rows", "n", "reference", "floor", "network")) if path.is_file() else None
    )


def read_comparison(folder: Path) -> dict[str, Any]:
    """Return the content of a folder's comparison.json; RequestError if it is missing or damaged."""
    return _read_json(folder / COMPARISON_FILE, ("entries", "verdicts", "figures"))


def copy_comparison(
    folder: Path, row: Mapping[str, Any], index: int, pictures: Path
) -> ReportedComparison:
    """Return a comparison; copy its pictures from its folder into `pictures`."""
    picture_folder = PictureFolder(pictures, f"comparison-{index}-")
    for what, name in row["figures"].items():
        source = folder / Path(str(name)).name
        if source.is_file():
            shutil.copyfile(source, picture_folder.place(slug(what)))
    return ReportedComparison(row, picture_folder.names)


def _read_json(path: Path, needed: Sequence[str]) -> dict[str, Any]:
    made = "ddpm compare" if path.name == COMPARISON_FILE else "ddpm evaluate"
    try:
        found = read_json(path)
    except (OSError, ValueError) as error:
        raise RequestError(
            f"{path} cannot be read ({error}); create it again with {made}."
        ) from error
    if not isinstance(found, dict) or not all(key in found for key in needed):
        raise RequestError(f"{path} is not a file of {made}; create it again with {made}.")
    current: dict[str, Any] = upgrade_messages(found)
    return current
