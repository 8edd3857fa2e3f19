"""`ddpm compare`: measure several generators under one protocol, write tables, figures and verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
from ddpm.scoring.evaluation_request import EvaluationRequest
from ddpm.scoring.generated_images import GeneratedImages
from ddpm.scoring.measurement import Measurement, measure
from ddpm.scoring.real_images import RealImages
from ddpm.terminal import escape, print_line

FORMAT = 2  # 1: sentences in place of messages
TABLES = {"markdown": "table.md", "csv": "table.csv"}


@dataclass(frozen=True)
class ComparisonRequest:
    """The generators to compare, the real images, the settings, and the folder of the results."""

    targets: Sequence[str]  # runs, weights, or images: folders, zips, .npy or .npz
    out: Path = Path("comparison")
    reference: str | None = None  # None: the training images of the first model
    n: int | None = None  # images of each entry; None: 1000, or all where there are fewer
    network: str = "auto"  # feature network
    weights: Path | None = None  # weights of the feature network
    seed: int = 0
    likelihood: int = 64  # held-out images for bits/dim of diffusion models; 0 turns it off
    overrides: Sequence[str] = ()  # sampling.key=value, for diffusion models
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
    entries = open_entries(request.targets, request.overrides, request.device, same_data=same_data)
    n = common_count(entries, request.n)
    real = open_real_images(entries, request.reference, n, request.device)
    measured = [
        _measure_entry(request, entries, index, n, real) for index in range(len(request.targets))
    ]
    command = command_line("compare", request)
    comparison = describe_comparison(command, entries, [m.evaluation for m in measured])
    request.out.mkdir(parents=True, exist_ok=True)
    comparison["figures"] = draw_figures(request.out, comparison, measured)
    comparison["tables"] = TABLES
    write_text(request.out / TABLES["markdown"], comparison_markdown(comparison))
    write_text(request.out / TABLES["csv"], comparison_csv(comparison))
    write_json(request.out / COMPARISON_FILE, comparison)
    return comparison


def _check_out(out: Path) -> None:
    """Raise RequestError if `out` cannot be written, or holds files of something else."""
    check_folder(out, COMPARISON_FILE)
    taken = [name for name in (*TABLES.values(), *FIGURES.values()) if (out / name).exists()]
    if taken and not (out / COMPARISON_FILE).exists():
        raise RequestError(
            f"{out} holds {', '.join(taken)} but no {COMPARISON_FILE}, so another program may have written "
            "them; choose another folder with --out, or delete them."
        )


def describe_comparison(
    command: str, entries: Entries, evaluations: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """Return the content of comparison.json without figures and tables."""
    rows = [
        {"label": label, "evaluation": evaluation, "run": _run_facts(images)}
        for label, evaluation, images in zip(
            entries.labels, evaluations, entries.images, strict=True
        )
    ]
    verdicts = compare_tables([e["rows"] for e in evaluations], entries.labels)
    return {"format": FORMAT, "command": command, "entries": rows, "verdicts": verdicts}


def comparison_text(comparison: dict[str, Any], out: Path) -> str:
    """Return the printed text: the verdicts, and the files that were written."""
    files = [COMPARISON_FILE, *comparison["tables"].values(), *comparison["figures"].values()]
    return f"{comparison_summary(comparison)}\n\n{escape(str(out))}: {', '.join(files)}"


def _measure_entry(
    request: ComparisonRequest, entries: Entries, index: int, n: int, real: RealImages
) -> Measurement:
    print_line(f"{entries.labels[index]}: {index + 1} of {len(request.targets)}")
    reference, base = request.reference, entries.base
    if reference is None and base is not None and entries.images[index] is not base:
        reference = base.opened.model.spec.config.data.path  # so that the recorded command works
    entry = EvaluationRequest(
        target=request.targets[index],
        reference=reference,
        n=n,
        network=request.network,
        weights=request.weights,
        seed=request.seed,
        likelihood=request.likelihood,
        overrides=entries.overrides_for(index, request.overrides),
        device=request.device,
    )
    return measure(entry, real, command=command_line("evaluate", entry))


def _run_facts(images: GeneratedImages) -> dict[str, Any] | None:
    run = None if images.opened is None else images.opened.run
    return None if run is None else run_summary(run)
