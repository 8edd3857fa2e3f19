"""Tables of a comparison: cost, scores and verdicts, as Markdown, CSV and text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ddpm.documents.markdown import code_span
from ddpm.documents.tables import (
    NO_VALUE,
    aligned_table,
    csv_table,
    escape_markdown,
    format_count,
    format_interval,
    format_number,
    markdown_table,
)
from ddpm.evaluation.metrics import CLASS_SHARE_PREFIX, DIRECTION_LABELS
from ddpm.messages import Message, join_sentences, sentence
from ddpm.terminal import shorten

Comparison = Mapping[str, Any]  # content of comparison.json
VERDICT_RULE = (
    "A verdict compares the best entry with each other one. It is better if the 95 % interval of the "
    "difference lies above zero (both intervals in quadrature, taken as independent); otherwise the two "
    "are not distinguishable at this n. For metrics that should equal the floor, distances to the floor "
    "are compared."
)
MAX_NAME = 18  # letters of an entry's name in the head of a printed table
RUN_COLUMNS = ("minutes", "steps", "images_seen", "batch_size", "precision", "device", "threads")


def comparison_markdown(comparison: Comparison) -> str:
    """Return the page table.md: command, cost, scores, and how to read them."""
    entries, first = comparison["entries"], comparison["entries"][0]["evaluation"]
    names = [entry["label"] for entry in entries]
    cost = [{"entry": entry["label"], **_cost_cells(entry)} for entry in entries]
    head = ["metric", "better", *names, "floor", "verdict"]
    parts = [
        f"# Comparison: {escape_markdown(', '.join(names))}",
        f"Command: {code_span(comparison['command'])}",
        escape_markdown(_sets_line(first)),
        "## Training and sampling",
        markdown_table(list(cost[0]), [list(cells.values()) for cells in cost]),
        "## Scores",
        markdown_table(head, list(_score_rows(comparison))),
        f"Values with their 95 % intervals. {VERDICT_RULE} {multiple_tests_note(comparison)}",
    ]
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def comparison_csv(comparison: Comparison) -> str:
    """Return one row per entry and one for the floor, with columns NAME, NAME_low, NAME_high per metric."""
    verdicts = comparison["verdicts"]
    facts = ("target", "kind", "model", "drawn", "step", "n", "images_per_second")
    metrics = [f"{v['metric']}{end}" for v in verdicts for end in ("", "_low", "_high")]
    rows: list[list[object]] = []
    for index, entry in enumerate(comparison["entries"]):
        run = entry["run"] or {}
        scores = (v["values"][index] for v in verdicts)
        rows.append([
            entry["label"],
            *(_plain_cell(entry["evaluation"][key]) for key in facts),
            *(run.get(key) for key in RUN_COLUMNS),
            sum(run["parameters"].values()) if run.get("parameters") else None,
            *(score[key] for score in scores for key in ("value", "low", "high")),
        ])  # fmt: skip
    empty = [None] * (len(facts) + len(RUN_COLUMNS) + 1)
    rows.append(["floor", *empty, *(cell for v in verdicts for cell in (v["floor"], None, None))])
    return csv_table(["entry", *facts, *RUN_COLUMNS, "parameters", *metrics], rows)


def _plain_cell(value: object) -> object:
    """Return a cell of the table: a message as its sentence."""
    return sentence(value) if isinstance(value, Mapping) else value


def comparison_summary(comparison: Comparison) -> str:
    """Return the verdicts as aligned text, with the class shares in one line."""
    labels = [entry["label"] for entry in comparison["entries"]]
    names = [shorten(label, MAX_NAME) for label in labels]
    shares = [v for v in comparison["verdicts"] if v["metric"].startswith(CLASS_SHARE_PREFIX)]
    rows = [
        [
            v["label"],
            *(format_number(score["value"]) for score in v["values"]),
            format_number(v["floor"]),
            sentence(_shortened(v["verdict"])),
        ]
        for v in comparison["verdicts"]
        if v not in shares
    ]
    text = aligned_table(["", *names, "floor", "verdict"], rows, right=range(1, len(names) + 2))
    if shares:
        differ = sum(v["verdict"]["code"] != "not_distinguishable" for v in shares)
        text += f"\nshares of classes: {differ} of {len(shares)} distinguishable"
    return f"{text}\n{multiple_tests_note(comparison)}"


def _shortened(verdict: Message) -> Message:
    """Return the verdict with names cut as at the head of their columns."""
    cut = {key: verdict[key] for key in ("label", "beaten", "level") if key in verdict}
    names: Message = {
        key: [shorten(name, MAX_NAME) for name in value]
        if isinstance(value, list)
        else shorten(value, MAX_NAME)
        for key, value in cut.items()
    }
    return {**verdict, **names}


def multiple_tests_note(comparison: Comparison) -> str:
    """Return a note on multiple testing."""
    tests = sum(
        sum(s["value"] is not None for s in v["values"]) > 1 for v in comparison["verdicts"]
    )
    return (
        f"{tests} metrics were tested. Without any difference, each finds one about 1 time in 20, so about "
        f"{max(1, round(tests / 20))} of these verdicts may be chance."
    )


def _score_rows(comparison: Comparison) -> Iterator[Sequence[str]]:
    for v in comparison["verdicts"]:
        cells = (format_interval(s["value"], s["low"], s["high"]) for s in v["values"])
        yield [
            v["label"],
            DIRECTION_LABELS[v["better"]],
            *cells,
            format_number(v["floor"]),
            sentence(v["verdict"]),
        ]


def _sets_line(evaluation: Mapping[str, Any]) -> str:
    reference, floor = evaluation["reference"], evaluation["floor"]
    note = f" Note: {join_sentences(evaluation['notes'])}." if evaluation["notes"] else ""
    return (
        f"{evaluation['n']:,} images per entry, measured against {sentence(reference['what'])} of "
        f"{reference['name']}; the floor: {sentence(floor['what'])}.{note}"
    )


def _cost_cells(entry: Mapping[str, Any]) -> dict[str, str]:
    """Return the cells of an entry in the cost table, by column."""
    run, evaluation = entry["run"] or {}, entry["evaluation"]
    return {
        "kind": evaluation["model"] or evaluation["kind"],
        "minutes": format_number(run.get("minutes")),
        "steps": format_count(run.get("steps")),
        "images seen": format_count(run.get("images_seen")),
        "batch": format_count(run.get("batch_size")),
        "parameters": format_parameters(run.get("parameters")),
        "precision": run.get("precision") or NO_VALUE,
        "device": run.get("device") or NO_VALUE,
        "threads": format_count(run.get("threads")),
        "sampler": sentence(evaluation["drawn"]) or NO_VALUE,
        "images/s": format_number(evaluation["images_per_second"]),
    }


def format_parameters(parameters: Mapping[str, int] | None) -> str:
    """Return parameter counts: `680,000`, or `3,576,704 (generator) + 2,765,568 (discriminator)`."""
    if not parameters:
        return NO_VALUE
    if len(parameters) == 1:
        return format_count(next(iter(parameters.values())))
    return " + ".join(f"{count:,} ({name})" for name, count in parameters.items())
