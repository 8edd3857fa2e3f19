"""`ddpm compare`: several generators by the same measure, in tables, pictures and verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ddpm.commands.compare.comparison_figures import FIGURES, draw_figures
from ddpm.commands.compare.comparison_table import (
    comparison_csv,
    comparison_markdown,
    comparison_summary,
)
from ddpm.commands.compare.entries import (
    Entries,
    check_folder,
    common_count,
    open_entries,
    open_real_images,
)
from ddpm.commands.options import command_line
from ddpm.commands.verb_function import takes_fields
from ddpm.errors import RequestError
from ddpm.evaluation.verdicts import compare_tables
from ddpm.files import write_json, write_text
from ddpm.loading.run_summary import run_summary
from ddpm.runs import COMPARISON_FILE
from ddpm.scoring.generated_images import GeneratedImages, ModelSamples
from ddpm.scoring.measurement import EvaluationRequest, Measurement, measure
from ddpm.scoring.real_images import RealImages
from ddpm.terminal import say

FORMAT = 2  # 1: sentences in place of messages
TABLES = {"markdown": "table.md", "csv": "table.csv"}


@dataclass(frozen=True)
class ComparisonRequest:
    """What to compare, against which real images, how, and where the results go."""

    targets: Sequence[str]  # runs, weights, or images: folders, zips, .npy or .npz
    out: Path = Path("comparison")
    reference: str | None = None  # None: the training images of the first model
    n: int | None = None  # of each; None: 1000, or as many as every one has
    network: str = "auto"
    weights: Path | None = None  # of the feature network, where it takes any
    seed: int = 0
    likelihood: int = 64  # held-out images for bits/dim of diffusion models; 0 is off
    overrides: Sequence[str] = ()  # sampling.key=value, for the models
    device: str = "auto"


@takes_fields(ComparisonRequest)
def compare(request: ComparisonRequest) -> dict[str, Any]:
    """Measure runs, weights or images by one protocol; write tables and figures; return comparison.json.

    `entries` holds the evaluation of each target, `verdicts` a verdict for each metric. RequestError: fewer
    than 2 or more than 6 targets, no common reference, or an `out` with other files.

    >>> found = ddpm.compare(["runs/digits", "runs/other"], n=20, likelihood=0, out=Path("comparison"))
    >>> [entry["label"] for entry in found["entries"]]
    ['digits', 'other']
    """
    _check_out(request.out)
    same_data = request.reference is None
    entrants = open_entries(request.targets, request.overrides, request.device, same_data=same_data)
    n = common_count(entrants, request.n)
    real = open_real_images(entrants, request.reference, n, request.device)
    measured = [
        _measure_entry(request, entrants, index, n, real) for index in range(len(request.targets))
    ]
    comparison = describe_comparison(
        command_line("compare", request), entrants, [m.evaluation for m in measured]
    )
    request.out.mkdir(parents=True, exist_ok=True)
    comparison["figures"] = draw_figures(request.out, comparison, measured)
    comparison["tables"] = TABLES
    write_text(request.out / TABLES["markdown"], comparison_markdown(comparison))
    write_text(request.out / TABLES["csv"], comparison_csv(comparison))
    write_json(request.out / COMPARISON_FILE, comparison)
    return comparison


def _check_out(out: Path) -> None:
    """RequestError where nothing can be written, or over files that no comparison wrote."""
    check_folder(out, COMPARISON_FILE)
    taken = [name for name in (*TABLES.values(), *FIGURES.values()) if (out / name).exists()]
    if taken and not (out / COMPARISON_FILE).exists():
        raise RequestError(
            f"{out} has {', '.join(taken)} but no {COMPARISON_FILE}, so they may be no comparison's; give "
            "another folder with --out, or remove them."
        )


def describe_comparison(
    words: str, entrants: Entries, evaluations: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """comparison.json without its pictures and tables; `words`: the command."""
    entries = [
        {"label": label, "evaluation": evaluation, "run": _run_facts(subject)}
        for label, evaluation, subject in zip(
            entrants.labels, evaluations, entrants.subjects, strict=True
        )
    ]
    verdicts = compare_tables([e["rows"] for e in evaluations], entrants.labels)
    return {"format": FORMAT, "command": words, "entries": entries, "verdicts": verdicts}


def comparison_text(comparison: dict[str, Any], out: Path) -> str:
    """The verdicts in plain words, and where everything lies."""
    files = [COMPARISON_FILE, *comparison["tables"].values(), *comparison["figures"].values()]
    return f"{comparison_summary(comparison)}\n\n{out}: {', '.join(files)}"


def _measure_entry(
    request: ComparisonRequest, entrants: Entries, index: int, n: int, real: RealImages
) -> Measurement:
    say(f"{entrants.labels[index]}: {index + 1} of {len(request.targets)}")
    reference, subject = request.reference, entrants.subjects[index]
    if reference is None and entrants.base is not None and subject is not entrants.base:
        reference = entrants.base.opened.model.spec.config.data.path  # what its own command says
    entry = EvaluationRequest(
        target=request.targets[index],
        reference=reference,
        n=n,
        network=request.network,
        weights=request.weights,
        seed=request.seed,
        likelihood=request.likelihood,
        overrides=entrants.overrides_for(index, request.overrides),
        device=request.device,
    )
    measured = measure(entry, real)
    command = command_line("evaluate", entry)
    return replace(measured, evaluation={**measured.evaluation, "command": command})


def _run_facts(subject: GeneratedImages) -> dict[str, Any] | None:
    run = subject.opened.run if isinstance(subject, ModelSamples) else None
    return None if run is None else run_summary(run)
