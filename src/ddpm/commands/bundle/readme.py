"""readme.txt of the hand-in: its files, how to run it, the images, the machine, the sources."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ddpm.commands.bundle.names as names
from ddpm.messages import sentence

NEEDED = (  # as in pyproject.toml
    "torch>=2.11",
    "numpy>=2",
    "pillow>=11",
    "matplotlib>=3.10",
    "safetensors>=0.5",
    "tqdm>=4.66",
    "filelock>=4.2",
    "shtab>=1.7",
)
_WIDTH = 100
_COUNTS = ("given", "used", "held_out", "duplicate", "broken")


@dataclass(frozen=True)
class RunNote:
    """One run as the readme describes it."""

    name: str  # its config is in source/runs/NAME/
    model: str  # "DDPM" or "DCGAN"
    preset: str
    step: int
    batch_size: int
    minutes: float | None  # of training; None: not recorded
    data: str  # a name that `--data` takes, or IMAGES for the author's own data set
    environment: Mapping[str, Any]  # environment.json
    weights: str  # hash
    images: str = ""  # "mnist" or "anime" if its pictures are handed in
    caption: str = ""  # of its 5x5 grid
    first_seed: int | None = None  # if the grid's seeds are consecutive


def readme_text(student_id: str, runs: Sequence[RunNote], sources: Iterable[str]) -> str:
    """Return the whole file; long paragraphs are wrapped at 100 characters."""
    title = f"HW2-2, student {student_id}: diffusion models (DDPM) of MNIST and of anime faces"
    parts = [
        _headed(title, "=", []),
        _headed("Files", "-", _contents(student_id, runs)),
        _headed("The runs", "-", [line for run in runs for line in _run(run)]),
        _headed("How to run it", "-", _commands(runs)),
        _headed("Sources", "-", [line for source in sources for line in _item(source)]),
    ]
    return "\n".join(parts)


def _headed(title: str, rule: str, lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in (title, rule * len(title), *lines))


def _item(text: str, mark: str = "- ", indent: str = "  ") -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=mark,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _contents(student_id: str, runs: Sequence[RunNote]) -> list[str]:
    rows = [(names.report_name(student_id), "the report")]
    for run in runs:
        if run.images:
            rows += [
                (
                    names.grid_name(run.images),
                    f"25 images sampled from the run {run.name}: {run.caption}",
                ),
                (names.loss_name(run.images), "the loss of that run over its iterations"),
            ]
    rows += [
        ("source/", "the code: the package ddpm, a notebook, the license and how to cite it"),
        ("source/runs/", "the configuration of each run, one folder per run"),
    ]
    width = max(len(name) for name, _ in rows) + 2
    return [f"{name:<{width}}{words}" for name, words in rows]


def _run(run: RunNote) -> list[str]:
    data = run.environment.get("data", {})
    counts = ", ".join(f"{data.get(key, '?')} {key.replace('_', ' ')}" for key in _COUNTS)
    reason = (
        f" (held out: {sentence(data['held_out_reason'])})" if "held_out_reason" in data else ""
    )
    minutes = "" if run.minutes is None else f", {run.minutes:.1f} minutes"
    known = f"data set {run.data}, content {str(data.get('content_hash', '?'))[:12]}"
    return [
        f"{run.name}: {run.model}, preset {run.preset}, {run.step} steps of {run.batch_size} images"
        + minutes,
        *_item(f"images: {counts}{reason}; {known}", "  ", "    "),
        *_item(f"environment: {_machine(run.environment)}", "  ", "    "),
        f"  weights: {run.weights}",
    ]


def _machine(found: Mapping[str, Any]) -> str:
    """Return device, precision, seed and versions, as far as they were recorded."""
    words = [f"{key} {found.get(key, '?')}" for key in ("device", "threads", "precision", "seed")]
    named = {"python": "Python", "torch": "torch", "numpy": "numpy", "ddpm": "ddpm-studio"}
    words += [f"{name} {found.get(key, '?')}" for key, name in named.items()]
    commit = [f"commit {found['commit']}"] if found.get("commit") else []
    return ", ".join([*words, *commit, str(found.get("platform", "?"))])


def _commands(runs: Sequence[RunNote]) -> list[str]:
    lines = ["Python 3.11 or newer; in the folder source:", ""]
    lines.append("  python -m pip install " + " ".join(f'"{needed}"' for needed in NEEDED))
    for run in runs:
        again = f"again/{run.name}"
        lines.append(
            f"  python -m ddpm train runs/{run.name} --data {run.data} --steps {run.step} --out {again}"
        )
        if run.images and run.first_seed is not None:
            lines.append(
                f"  python -m ddpm sample {again} --seed {run.first_seed} "
                f"--out {names.grid_name(run.images)}"
            )
    words = (
        "IMAGES stands for the folder or zip of the images. The notebook runs from top to bottom in "
        "Jupyter or Colab, started in the same folder."
    )
    return [*lines, "", *_item(words, "", "")]
