"""The result of `ddpm ema` as text: one line per length, then what was done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ddpm.documents.tables import NO_VALUE, aligned_table, format_interval, format_number
from ddpm.messages import join_sentences, sentence
from ddpm.terminal import escape

Found = Mapping[str, Any]  # content of ema.json
HEAD = ("σ_rel", "γ", "error", "value [95 %]", "ratio", "")


def average_table(found: Found) -> str:
    """Return the printed text: protocol, table, and what was done."""
    lines = [_heading(found), ""]
    rows = [_cells(found, index) for index in range(len(found["points"]))]
    measured = "label" in found
    head = HEAD if measured else HEAD[:3]
    lines += [
        aligned_table(head, [row[: len(head)] for row in rows], (0, 1, 2, 4)[: len(head)]),
        "",
    ]
    return "\n".join([*lines, *map(escape, found["done"])])


def _heading(found: Found) -> str:
    low, high = found["covered"]
    lines = {
        "averages": f"{found['snapshots']} saved up to step {found['step']}; they provide σ_rel from "
        f"{low:g} to {high:g}",
        "error": "relative distance of the built averaging profile from the exact one (least squares)",
    }
    if "label" in found:
        floor, reference = found["floor"], found["reference"]
        floor_value = format_interval(floor["value"], floor["low"], floor["high"])
        lines |= {
            "value": f"{found['label']}, seeds {found['seeds'][0]}-{found['seeds'][1]}, "
            f"{sentence(found['drawn'])}",
            "network": f"{found['network']}: {sentence(found['network_why'])}",
            "reference": f"{reference['name']}: {sentence(reference['what'])}",
            "floor": f"{floor_value}: {sentence(floor['what'])}",
            "note": join_sentences(found["notes"]),
        }
    return "\n".join(f"{title:<11}{escape(text)}" for title, text in lines.items() if text)


def _cells(found: Found, index: int) -> list[str]:
    point = found["points"][index]
    own = point["own"]
    cells = [
        f"{point['length']:.3f}" if not own else f"≈ {point['length']:.3f}",
        NO_VALUE if own else f"{point['gamma']:.2f}",
        NO_VALUE if own else f"{100 * point['error']:.2f} %",
    ]
    if "label" not in found:
        return cells
    value = format_interval(point["value"], point["low"], point["high"])
    return [*cells, value, format_number(point["ratio"]), _verdict(found, index)]


def _verdict(found: Found, index: int) -> str:
    point = found["points"][index]
    remarks = ["the run's own"] if point["own"] else []
    if index == found["chosen"]:
        remarks.append("smallest")
    elif point["as_good"]:
        remarks.append("not significantly larger")
    return ", ".join(remarks)
