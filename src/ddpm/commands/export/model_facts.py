"""Facts about a model from its run files: settings, scores with floor, license of the data, pictures."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import torch

from ddpm.commands.report import train_command
from ddpm.config import Config
from ddpm.data.catalogue import DATASETS, data_name
from ddpm.data.image_files import Images
from ddpm.documents.tables import format_interval, format_number
from ddpm.evaluation.metrics import CLASS_SHARE_PREFIX
from ddpm.files import read_json
from ddpm.loading.bundled import bundled_name
from ddpm.loading.models import OpenedModel
from ddpm.loading.run_summary import run_summary
from ddpm.messages import sentence
from ddpm.models.base import GenerativeModel
from ddpm.models.fingerprint import weights_hash
from ddpm.sampling.labels import choose_labels
from ddpm.sampling.samples import sample_with_progress
from ddpm.terminal import escape, printable_name

SCORE_HEADER = ("metric", "value [95 %]", "floor", "ratio")
GRID_SEEDS = range(25)
UNKNOWN_LICENSE = "unknown: ask the owner of the images before you give them or this model on"


@dataclass(frozen=True)
class ModelFacts:
    """Facts about one model, as lines of printable text."""

    name: str
    weights: str  # hash of the averaged weights
    rows: tuple[tuple[str, str], ...]  # name and value
    data: str  # name of the data set
    license: str  # of the data
    command: str = ""  # that trains it; "": unknown
    scores: tuple[tuple[str, ...], ...] = ()  # rows under SCORE_HEADER
    scores_note: str = ""  # n, reference and feature network of the scores
    loss_plot: Path | None = None


def model_facts(opened: OpenedModel) -> ModelFacts:
    """Return the facts about `opened`, from its run or from the notes beside bundled weights."""
    config = opened.model.spec.config
    entry = DATASETS.get(config.data.path)
    run = opened.run
    rows = [*_settings(opened), *(_training(opened) if run else _bundled_notes(opened))]
    evaluation = _evaluation(opened)
    return ModelFacts(
        name=printable_name(opened.name),
        weights=weights_hash(opened.model),
        rows=tuple((title, escape(value)) for title, value in rows),
        data=escape(data_name(config.data.path)),
        license=entry.license if entry else UNKNOWN_LICENSE,
        command=escape(train_command(Path("runs") / opened.name, config)) if run else "",
        scores=tuple(_score_rows(evaluation)),
        scores_note=_scores_note(evaluation),
        loss_plot=run.loss_plot if run and run.loss_plot.is_file() else None,
    )


def default_images(model: GenerativeModel) -> Images:
    """Return the images of seeds 0 to 24 with the model's own settings, uint8 [25, C, H, W]."""
    labels = choose_labels(model, GRID_SEEDS, None)
    with torch.no_grad():
        return sample_with_progress(model, GRID_SEEDS, labels, model.spec.config.sampling)


def _settings(opened: OpenedModel) -> list[tuple[str, str]]:
    model, spec = opened.model, opened.model.spec
    channels, height, width = spec.image_shape
    count = sum(tensor.numel() for tensor in model.averaged_weights().values())
    color = "gray" if channels == 1 else "color"
    rows = [
        ("images", f"{height}x{width}, {color}"),
        ("network", f"{spec.config.network.kind}, {count / 1e6:.2f} million parameters"),
        (
            "noise schedule",
            f"{spec.config.diffusion.schedule}, T = {spec.config.diffusion.num_steps}",
        ),
        ("objective", _objective(spec.config)),
        ("sampling", sentence(model.describe_sampling(spec.config.sampling))),
    ]
    if spec.num_classes:
        rows.append(("classes", ", ".join(spec.class_names)))
    return rows


def _objective(config: Config) -> str:
    names = {"noise": "noise (epsilon)", "x0": "the clean image (x0)"}
    return names.get(config.diffusion.objective, config.diffusion.objective)


def _training(opened: OpenedModel) -> list[tuple[str, str]]:
    """Return the rows about the training of a run: steps, images, minutes, counts of the data."""
    assert opened.run is not None
    summary = run_summary(opened.run)
    report: dict[str, Any] = opened.run.load_environment().get("data", {})
    rows = [("data", data_name(opened.model.spec.config.data.path))]
    names = ("given", "used", "held_out", "duplicate", "broken")
    counts = [f"{report[name]:,} {name.replace('_', ' ')}" for name in names if name in report]
    if counts:
        rows.append(("images of the data set", ", ".join(counts)))
    if summary["steps"] is not None:
        seen = f"{summary['steps']:,} steps, {summary['images_seen']:,} images seen"
        minutes = "" if summary["minutes"] is None else f", {summary['minutes']:.1f} minutes"
        rows.append(("training", f"{seen}{minutes} on {summary['device'] or 'an unknown device'}"))
    return rows


def _bundled_notes(opened: OpenedModel) -> list[tuple[str, str]]:
    """Return the rows of the notes beside bundled weights; [] for other weights."""
    origin = re.fullmatch(r"the bundled (.+) weights", opened.origin)
    name = bundled_name(origin[1]) if origin else None
    if name is None:
        return []
    text = (resources.files("ddpm") / "weights" / f"{name}.md").read_text(encoding="utf-8")
    found = re.findall(r"^\| (\w[^|]*) \| (.+) \|$", text, re.MULTILINE)
    return [(key.strip(), value.replace("`", "")) for key, value in found]


def _evaluation(opened: OpenedModel) -> dict[str, Any]:
    """Return the evaluation of the run at the opened step; {} if there is none or it is damaged."""
    if opened.run is None or not opened.run.evaluation.is_file():
        return {}
    try:
        found: dict[str, Any] = read_json(opened.run.evaluation)
        return found if found["step"] == opened.step and isinstance(found["rows"], list) else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _score_rows(evaluation: dict[str, Any]) -> list[tuple[str, ...]]:
    return [
        (
            str(row["label"]),
            format_interval(row["value"], row["low"], row["high"]),
            format_number(row["floor"]),
            format_number(row.get("ratio")),
        )
        for row in evaluation.get("rows", [])
        if not row["metric"].startswith(CLASS_SHARE_PREFIX)
    ]


def _scores_note(evaluation: dict[str, Any]) -> str:
    if not evaluation:
        return ""
    reference = evaluation["reference"]
    return (
        f"{evaluation['n']} images against {reference['name']} ({sentence(reference['what'])}), features "
        f"{evaluation['network']}. Floor: {sentence(evaluation['floor']['what'])}."
    )
