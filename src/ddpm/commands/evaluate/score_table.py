"""An evaluation as text: the protocol, then one line per metric."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ddpm.documents.tables import NO_VALUE, aligned_table, format_interval, format_number
from ddpm.evaluation.metrics import CLASS_SHARE_PREFIX, DIRECTION_LABELS
from ddpm.messages import join_sentences, sentence
from ddpm.terminal import escape

Evaluation = Mapping[str, Any]  # content of evaluation.json
Row = Mapping[str, Any]
HEAD = ("metric", "better", "value [95 %]", "floor", "ratio [95 %]")


def score_table(evaluation: Evaluation) -> str:
    """Return the printed text: protocol, one line per metric, and the class shares."""
    rows: Sequence[Row] = evaluation["rows"]
    shares = [row for row in rows if row["metric"].startswith(CLASS_SHARE_PREFIX)]
    table = [list(_cells(row)) for row in rows if row not in shares]
    parts = [_heading(evaluation), "", aligned_table(HEAD, table)]
    if shares:
        parts.append(_share_line(shares))
    return "\n".join(parts)


def _heading(evaluation: Evaluation) -> str:
    reference = evaluation["reference"]
    lines = {
        "images": _images_line(evaluation),
        "network": f"{evaluation['network']}: {sentence(evaluation['network_why'])}",
        "reference": f"{reference['name']}: {sentence(reference['what'])}",
        "floor": sentence(evaluation["floor"]["what"]),
        "note": join_sentences(evaluation["notes"]),
    }
    return "\n".join(f"{title:<11}{escape(text)}" for title, text in lines.items() if text)


def _images_line(evaluation: Evaluation) -> str:
    """Return name, n and seeds: `mnist: n=1000, seeds 0-999, dpm++2m, 20 steps, step 950`."""
    seeds, step = evaluation["seeds"], evaluation["step"]
    parts = [
        f"{evaluation['name']}: n={evaluation['n']}",
        "" if seeds is None else f"seeds {seeds[0]}-{seeds[1]}",
        sentence(evaluation["drawn"]),
        "" if step is None else f"step {step}",
    ]
    return ", ".join(filter(None, parts))


def _cells(row: Row) -> Iterator[str]:
    yield row["label"]
    yield DIRECTION_LABELS[row["better"]]
    yield format_interval(row["value"], row["low"], row["high"])
    yield format_number(row["floor"])
    ratio = format_interval(row.get("ratio"), row.get("ratio_low"), row.get("ratio_high"))
    yield "" if ratio == NO_VALUE else ratio


def _share_line(shares: Sequence[Row]) -> str:
    """Return the table of class shares: generated images above, floor below."""
    lines = []
    for title, key in (("share of each class", "value"), ("  floor", "floor")):
        lines.append([title, *(f"{100 * row[key]:.1f} %" for row in shares)])
    head = ["", *(row["metric"].removeprefix(CLASS_SHARE_PREFIX) for row in shares)]
    return "\n" + aligned_table(head, lines, right=range(1, len(head)))
