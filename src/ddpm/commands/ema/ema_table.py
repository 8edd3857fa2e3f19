"""What `ddpm ema` found, as text for a terminal: a line a length, then which one to take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ddpm.documents.tables import NOTHING, aligned, interval, number
from ddpm.messages import sentence, sentences

Found = Mapping[str, Any]  # as in ema.json
HEAD = ("σ_rel", "γ", "error", "value [95 %]", "ratio", "")


def average_table(found: Found) -> str:
    """The whole text; the distance stands with its network, n, reference, floor and intervals."""
    lines = [_heading(found), ""]
    rows = [_cells(found, index) for index in range(len(found["points"]))]
    measured = "label" in found
    head = HEAD if measured else HEAD[:3]
    lines += [aligned(head, [row[: len(head)] for row in rows], (0, 1, 2, 4)[: len(head)]), ""]
    return "\n".join([*lines, *found["done"]])


def _heading(found: Found) -> str:
    low, high = found["covered"]
    lines = {
        "averages": f"{found['snapshots']} put aside up to step {found['step']}; σ_rel from {low:g} to "
        f"{high:g} can be made of them",
        "error": "of the least squares: how far the average's profile is from the one asked for",
    }
    if "label" in found:
        floor, reference = found["floor"], found["reference"]
        known = interval(floor["value"], floor["low"], floor["high"])
        lines |= {
            "value": f"{found['label']}, seeds {found['seeds'][0]}-{found['seeds'][1]}, "
            f"{sentence(found['drawn'])}",
            "network": f"{found['network']}: {sentence(found['network_why'])}",
            "reference": f"{reference['name']}: {sentence(reference['what'])}",
            "floor": f"{known}: {sentence(floor['what'])}",
            "note": sentences(found["notes"]),
        }
    return "\n".join(f"{title:<11}{text}" for title, text in lines.items() if text)


def _cells(found: Found, index: int) -> list[str]:
    point = found["points"][index]
    own = point["own"]
    cells = [
        f"{point['length']:.3f}" if not own else f"≈ {point['length']:.3f}",
        NOTHING if own else f"{point['gamma']:.2f}",
        NOTHING if own else f"{100 * point['error']:.2f} %",
    ]
    if "label" not in found:
        return cells
    value = interval(point["value"], point["low"], point["high"])
    return [*cells, value, number(point["ratio"]), _verdict(found, index)]


def _verdict(found: Found, index: int) -> str:
    point = found["points"][index]
    words = ["the run's own"] if point["own"] else []
    if index == found["chosen"]:
        words.append("smallest")
    elif point["as_good"]:
        words.append("not surely larger")
    return ", ".join(words)
