"""One HTML page that holds one or two models and samples with them in the reader's browser."""

from __future__ import annotations

import base64
import gzip
import io
import json
import re
from dataclasses import replace
from html import escape
from importlib import metadata
from pathlib import Path
from typing import Any

from ddpm.commands.export.browser_runtime import MODULE, VERSION, WASM, runtime_files
from ddpm.commands.export.export_request import ExportRequest
from ddpm.commands.export.model_facts import SCORE_HEADER, ModelFacts, default_images, model_facts
from ddpm.commands.export.onnx_file import exportable, onnx_bytes
from ddpm.commands.export.sampling_description import (
    SUBSTITUTE,
    default_tables,
    leave_out_guide,
    sampler_table,
    sampling_description,
    table_values,
    usual_settings,
)
from ddpm.data.image_files import Images
from ddpm.diffusion.samplers import SAMPLERS
from ddpm.errors import RequestError
from ddpm.files import write_text
from ddpm.loading.models import OpenedModel, open_model
from ddpm.messages import sentence
from ddpm.models.base import DiffusionModel
from ddpm.terminal import printable_name
from ddpm.visuals.grids import grid

PARTS = Path(__file__).with_name("page")
STEPS = (2, 4, 6, 8, 10, 15, 20, 30, 50)  # to choose from, besides a sampler's usual number
MIN_VALUES = 16  # of an image: torch draws smaller noise by another algorithm
CHUNK_VALUES = 8 * 28 * 28  # of the images that the browser samples together
SIGNIFICANT = 9  # digits of a number in the page: exact for float32


def write_page(opened: OpenedModel, request: ExportRequest, path: Path) -> list[Path]:
    """Write the page of `opened`, and of the model `request.beside` if there is one.

    RequestError: a model has no denoiser, or the two draw images of different shapes.
    """
    models = [opened]
    if request.beside is not None:
        models.append(open_model(request.beside, "cpu"))
    targets = [request.target, *([request.beside] if request.beside else [])]
    _check_shapes(models)
    files = runtime_files(request.runtime)
    entries = [_Entry(one, target) for one, target in zip(models, targets, strict=True)]
    write_text(path, page_text(entries, files))
    return [path]


class _Entry:
    """One model of a page: its network, tables and facts."""

    def __init__(self, opened: OpenedModel, target: str) -> None:
        self.opened = opened
        self.model = exportable(opened, "page")
        leave_out_guide(self.model, "page")
        self.network = onnx_bytes(self.model, half=True)
        self.facts = model_facts(opened)
        self.images = default_images(opened.model)
        self.target = target

    def values(self) -> dict[str, Any]:
        """Return what the script of the page needs to know."""
        model, about = self.model, sampling_description(self.model)
        del about["samplers"]
        own, is_student = model.spec.config.sampling, model.spec.config.family.is_distilled
        substitute = "" if is_student or SAMPLERS[own.sampler].is_deterministic else SUBSTITUTE
        tables, usual = page_tables(model)
        shown = own if not substitute else usual_settings(model, SUBSTITUTE)
        size = len(self.images[0].reshape(-1))
        return {
            "student": is_student,
            "name": self.facts.name,
            "target": printable_name(self.target),
            "about": about,
            "own": sentence(self.opened.model.describe_sampling(shown)),
            "substitute": substitute,
            "tables": tables,
            "usual": usual,
            "chunk": max(1, min(8, CHUNK_VALUES // size)),
        }


def page_tables(model: DiffusionModel) -> tuple[dict[str, dict[int, Any]], dict[str, int]]:
    """Return tables by sampler and number of steps, and each sampler's usual number.

    `own` is the model's sampler with its own spacing; a sampler that adds noise is replaced by UniPC. A
    few-step student has that table alone.
    """
    own = model.spec.config.sampling
    if model.spec.config.family.is_distilled:
        (table,) = map(table_values, default_tables(model).values())
        count = table["evaluations"]
        return {"own": {count: table}}, {"own": count}
    deterministic = [name for name, sampler in SAMPLERS.items() if sampler.is_deterministic]
    chosen = {
        name: usual_settings(model, name) if name != own.sampler else _usual(model, name)
        for name in deterministic
    }
    chosen = {"own": own if own.sampler in deterministic else chosen[SUBSTITUTE], **chosen}
    tables: dict[str, dict[int, Any]] = {}
    for name, settings in chosen.items():
        counts = {n for n in (*STEPS, settings.steps) if n <= len(model.schedule)}
        tables[name] = {
            n: table_values(sampler_table(model, replace(settings, steps=n)))
            for n in sorted(counts)
        }
    return tables, {name: settings.steps for name, settings in chosen.items()}


def _usual(model: DiffusionModel, name: str) -> Any:
    """Return the usual settings of a sampler, also if it is the model's own."""
    sampler, own = SAMPLERS[name], model.spec.config.sampling
    steps = min(sampler.default_steps or len(model.schedule), len(model.schedule))
    changes: dict[str, Any] = {"steps": steps, "spacing": sampler.default_spacing}
    return replace(own, sampler=own.sampler, **changes)


def _check_shapes(models: list[OpenedModel]) -> None:
    shapes = [one.model.spec.image_shape for one in models]
    if len(set(shapes)) > 1:
        raise RequestError(
            f"{models[0].name} generates images of {list(shapes[0])} and {models[1].name} of "
            f"{list(shapes[1])}; a page compares models of one shape."
        )
    channels, height, width = shapes[0]
    if channels * height * width < MIN_VALUES or channels not in (1, 3):
        raise RequestError(
            f"A page shows gray or color images of at least {MIN_VALUES} values, not {list(shapes[0])}."
        )


def page_text(entries: list[_Entry], files: dict[str, bytes]) -> str:
    """Return the HTML of a page."""
    names = " and ".join(entry.facts.name for entry in entries)
    images = "×".join(str(side) for side in entries[0].images.shape[2:])
    what = "two diffusion models side by side" if len(entries) > 1 else "a diffusion model"
    parts = {
        "title": escape(f"{names}: sample in the browser"),
        "lead": escape(f"{names}: {what}, trained with ddpm-studio on images of {images} pixels."),
        "css": _part("page.css"),
        "canvases": "".join(_canvas(i, entry.facts.name) for i, entry in enumerate(entries)),
        "facts": "".join(_facts_section(entry) for entry in entries),
        "version": escape(metadata.version("ddpm-studio")),
        "runtime_version": VERSION,
        "models": _json([entry.values() for entry in entries]),
        "worker": _worker(),
        "runtime": packed(files[MODULE]),
        "wasm": packed(files[WASM]),
        "networks": "".join(
            f'<script type="text/plain" id="network-{i}">{packed(entry.network)}</script>\n'
            for i, entry in enumerate(entries)
        ),
        "script": _part("page.js"),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], _part("page.html"))


def _part(name: str) -> str:
    return (PARTS / name).read_text(encoding="utf-8")


def _worker() -> str:
    """Return the worker with its module inside: a page from disk cannot import files."""
    noise = re.sub(r"^export ", "", _part("noise.js"), flags=re.MULTILINE)
    worker = re.sub(r"^import .*\n", "", _part("worker.js"), flags=re.MULTILINE)
    return noise + worker


def packed(content: bytes) -> str:
    """Return bytes as base64 of their gzip."""
    return base64.b64encode(gzip.compress(content, 9, mtime=0)).decode("ascii")


def _json(value: Any) -> str:
    """Return JSON that cannot end a script element; floats in `SIGNIFICANT` digits."""
    return json.dumps(_rounded(value)).replace("<", "\\u003c")


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{SIGNIFICANT}g}")
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    return [_rounded(inner) for inner in value] if isinstance(value, list | tuple) else value


def _canvas(index: int, name: str) -> str:
    label = escape(f"images sampled from {name}")
    return (
        f'<figure><h3>{escape(name)}</h3><canvas id="canvas-{index}" role="img" '
        f'aria-label="{label}"></canvas></figure>'
    )


def _facts_section(entry: _Entry) -> str:
    facts, anchor = entry.facts, f"facts-{entry.facts.name}"
    anchor = re.sub(r"\W+", "-", anchor)
    alt = escape(f"25 images sampled from {facts.name}, seeds 0 to 24")
    figures = f'<figure><img src="{_grid_uri(entry.images)}" alt="{alt}">'
    figures += "<figcaption>Seeds 0 to 24, unpicked, sampled by ddpm-studio.</figcaption></figure>"
    return (
        f'<section aria-labelledby="{anchor}"><h2 id="{anchor}">What it is: '
        f'{escape(facts.name)}</h2><div class="row">{figures}<div class="facts">'
        f"{_fact_table(facts)}</div></div>{_scores(facts)}{_loss(facts)}</section>"
    )


def _fact_table(facts: ModelFacts) -> str:
    rows = [*facts.rows, ("license of the data", facts.license), ("weights", facts.weights)]
    rows += [("command", facts.command)] if facts.command else []
    cells = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>'
        for name, value in rows
    )
    return f"<table><tbody>{cells}</tbody></table>"


def _scores(facts: ModelFacts) -> str:
    if not facts.scores:
        return ""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in SCORE_HEADER)
    body = "".join(
        f'<tr><th scope="row">{escape(first)}</th>'
        + "".join(f"<td>{escape(value)}</td>" for value in rest)
        + "</tr>"
        for first, *rest in facts.scores
    )
    return (
        f"<h3>Scores</h3><p class='muted'>{escape(facts.scores_note)}</p>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def _loss(facts: ModelFacts) -> str:
    if facts.loss_plot is None:
        return ""
    data = base64.b64encode(facts.loss_plot.read_bytes()).decode("ascii")
    return (
        '<h3>Training</h3><figure><img class="plot" alt="the loss against the training step" '
        f'src="data:image/png;base64,{data}"></figure>'
    )


def _grid_uri(images: Images) -> str:
    buffer = io.BytesIO()
    grid(images, 5, 5).save(buffer, "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
