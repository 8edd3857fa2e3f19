"""The table of a class as CSV: a row for each hand-in, a column for each fact, check and score."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from ddpm.commands.bundle import README, SETS, SOURCE, grid_name, loss_name
from ddpm.commands.grade.grid_scores import GRID_METRICS
from ddpm.commands.grade.resemblances import Resemblance, weights_of
from ddpm.documents.tables import csv_table

ORDER = ("wrong", "not verifiable", "right")  # of several checks of one subject, the first counts
_FORMULA = ("=", "+", "-", "@")
Record = Mapping[str, Any]


def checked_subjects() -> dict[str, str]:
    """Return the subjects of the checks with a column each, by the name of the column."""
    pictures = [name for images in SETS for name in (grid_name(images), loss_name(images))]
    plain = {name: name for name in ("archive", "names", "report", README, f"{SOURCE}/", "sources")}
    return plain | {name: name for name in pictures}


def state_of(record: Record, subject: str) -> str:
    """Return the state of a subject; "" if nothing about it was checked."""
    states = {
        check["state"]
        for check in record["checks"]
        if check["subject"] == subject
        or (subject == "report" and str(check["subject"]).startswith("report_"))
    }
    return next((state for state in ORDER if state in states), "")


def class_table(records: Sequence[Record], found: Sequence[Resemblance]) -> str:
    """Return the CSV, in the order of the names. Cells cannot act as formulas of a spreadsheet."""
    texts: dict[str, list[str]] = defaultdict(list)
    for each in found:
        texts[each.name].append(each.text)
    columns = [
        *("hand-in", "student ID"),
        *checked_subjects(),
        *(f"{images} {fact}" for images in SETS for fact in ("steps", "images seen", "minutes")),
        *(
            f"{images} {metric}{kind}"
            for images in SETS
            for metric in (*GRID_METRICS, "copies")
            for kind in (("", " floor") if metric != "copies" else ("",))
        ),
        *("weights", "evidence of what is wrong", "resemblances"),
    ]
    return csv_table(columns, [_row(record, texts[record["name"]]) for record in records])


def _row(record: Record, texts: Sequence[str]) -> list[object]:
    wrong = [f"{c['subject']}: {c['text']}" for c in record["checks"] if c["state"] == "wrong"]
    cells: list[object] = [record["name"], record["student_id"]]
    cells += [state_of(record, subject) for subject in checked_subjects().values()]
    for images in SETS:
        facts = record.get("facts", {}).get(images, {})
        cells += [facts.get(key) for key in ("steps", "images_seen", "minutes")]
    for images in SETS:
        cells += _scores(record.get("scores", {}).get(images))
    cells += [", ".join(sorted(weights_of(record))), "; ".join(wrong), "; ".join(texts)]
    return [_safe(cell) for cell in cells]


def _scores(rows: object) -> list[object]:
    found = {row["metric"]: row for row in rows} if isinstance(rows, list) else {}
    cells: list[object] = []
    for metric in GRID_METRICS:
        row = found.get(metric, {})
        cells += [_rounded(row.get("value")), _rounded(row.get("floor"))]
    return [*cells, found.get("copies", {}).get("value")]


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")


def _safe(cell: object) -> object:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
