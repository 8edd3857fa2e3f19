"""The result of the sampler lab as text: one line per setting, then the recommendation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ddpm.documents.tables import NO_VALUE, aligned_table, format_interval, format_number
from ddpm.messages import join_sentences, sentence
from ddpm.terminal import escape

Lab = Mapping[str, Any]  # content of sampler-lab.json
HEAD = (
    "sampler",
    "steps",
    "spacing",
    "evaluations",
    "ms/image",
    "error",
    "value [95 %]",
    "ratio",
    "",
)
RIGHT = (1, 3, 4, 5)


def lab_table(lab: Lab) -> str:
    """Return the printed text: protocol, table and recommendation."""
    rows = [list(_cells(lab, index)) for index in range(len(lab["points"]))]
    return "\n".join([_heading(lab), "", aligned_table(HEAD, rows, RIGHT), "", recommendation(lab)])


def recommendation(lab: Lab) -> str:
    """Return the recommended setting and the reason: `recommended: unipc, 8 steps, …`."""
    chosen, best = (lab["points"][lab[key]] for key in ("recommended", "best"))
    why = "the best"
    if chosen is not best:
        why = (
            "the cheapest that is not distinguishable from the best "
            f"({format_setting(best)}) at n={lab['n']}"
        )
    setting = f"{format_setting(chosen)}, {chosen['evaluations']} evaluations"
    return f"recommended: {setting}: {why}\n{escape(sentence(lab['default']))}"


def format_setting(point: Mapping[str, Any]) -> str:
    """Return sampler, steps and spacing: `unipc, 8 steps, trailing`."""
    return f"{point['sampler']}, {point['steps']} steps, {point['spacing']}"


def _heading(lab: Lab) -> str:
    floor, reference = lab["floor"], lab["reference"]
    floor_value = format_interval(floor["value"], floor["low"], floor["high"])
    lines = {
        "value": f"{lab['label']}, seeds {lab['seeds'][0]}-{lab['seeds'][1]}",
        "network": f"{lab['network']}: {sentence(lab['network_why'])}",
        "reference": f"{reference['name']}: {sentence(reference['what'])}",
        "floor": f"{floor_value}: {sentence(floor['what'])}",
        "error": "mean difference from the solution in many steps, same seeds, in gray levels of 255",
        "note": join_sentences(lab["notes"]),
    }
    return "\n".join(f"{title:<11}{escape(text)}" for title, text in lines.items() if text)


def _cells(lab: Lab, index: int) -> Iterator[str]:
    point = lab["points"][index]
    yield point["sampler"]
    yield str(point["steps"])
    yield point["spacing"]
    yield f"{point['evaluations']:,}"
    yield format_number(1000 * point["seconds_per_image"])
    yield format_number(point["solver_error"]) if point["solver_error"] is not None else NO_VALUE
    yield format_interval(point["value"], point["low"], point["high"])
    yield format_number(point["ratio"])
    yield _verdict(lab, index)


def _verdict(lab: Lab, index: int) -> str:
    if index == lab["recommended"]:
        return "recommended"
    if index == lab["best"]:
        return "best"
    return "as good as the best" if lab["points"][index]["as_good"] else ""
