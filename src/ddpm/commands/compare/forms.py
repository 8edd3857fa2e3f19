"""Rating forms of a blind test: CSV files that a person fills in with a spreadsheet or an editor."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ddpm.errors import RequestError

SHEET, PAIRS = "sheet.png", "pairs.png"  # the pictures that the forms ask about
RATINGS = range(1, 6)
_YES, _NO = ("y", "yes", "1", "true", "real", "是"), ("n", "no", "0", "false", "generated", "否")
_KEY = re.compile(r"\bkey ([0-9a-f]{64})\b")


@dataclass(frozen=True)
class Form:
    """One rater's answers by number. Empty cells are left out."""

    key: str | None  # hash of the sealed key that the form belongs to
    real: dict[int, float] = field(default_factory=dict)  # picture → 1 real, 0 generated
    quality: dict[int, float] = field(default_factory=dict)  # picture → 1 to 5
    left: dict[int, float] = field(default_factory=dict)  # pair → 1 left is better, 0 right


def picture_form(key: str, count: int, ask_real: bool) -> str:
    """Return the empty form for pictures 1 to `count`."""
    questions = {"quality": f"quality: {RATINGS[0]} (bad) to {RATINGS[-1]} (nothing to improve)"}
    if ask_real:
        questions = {"real": "real: y if it looks like a real image, n if generated", **questions}
    return _empty_form(key, SHEET, ["number", *questions], list(questions.values()), count)


def pair_form(key: str, count: int) -> str:
    """Return the empty form for pairs 1 to `count`."""
    question = "better: left or right, whichever is the better image; choose even if in doubt"
    return _empty_form(key, PAIRS, ["pair", "better"], [question], count)


def _empty_form(key: str, sheet: str, head: list[str], questions: list[str], count: int) -> str:
    lines = [
        f"# {sheet}: key {key}",
        "# One line each; leave a cell empty where you have no answer. Do not look at key.json.",
        *(f"# {question}".replace(",", " -") for question in questions),
        ",".join(head),
    ]
    lines += [str(number) + "," * (len(head) - 1) for number in range(1, count + 1)]
    return "\n".join(lines) + "\n"


def read_form(content: bytes) -> Form:
    """Parse a filled form.

    RequestError, with a message that continues the file's name, if it is not a form, has no answers or
    has an answer that is not allowed.
    """
    text = content.decode("utf-8-sig", errors="replace")
    key = _KEY.search(text)
    lines = [line for line in text.splitlines() if line.strip(' ",;\t')]
    lines = [line for line in lines if not line.lstrip(' "').startswith("#")]
    delimiter = max(",;\t", key=lines[0].count) if lines else ","
    head, *rows = [
        [cell.strip().lower() for cell in row] for row in csv.reader(lines, delimiter=delimiter)
    ] or [[]]
    first = head[0] if head else ""
    if first not in ("number", "pair") or not set(head) & {"real", "quality", "better"}:
        raise RequestError(
            "is not a form of a blind test: its first line after the comments must be "
            "number,real,quality or pair,better"
        )
    form = Form(key[1] if key else None)
    for row in rows:
        _add_answers(form, dict(zip(head, row, strict=False)), first)
    if not (form.real or form.quality or form.left):
        raise RequestError("has no answers in it yet; fill it in first")
    return form


def _add_answers(form: Form, row: dict[str, str], first: str) -> None:
    """Add the answers of one line to the form."""
    answers: Sequence[tuple[str, dict[int, float], Callable[[str], float]]] = (
        ("real", form.real, _parse_yes_no),
        ("quality", form.quality, _parse_rating),
        ("better", form.left, _parse_side),
    )
    if not row[first].isdecimal():
        raise RequestError(f"has a line for {first} {row[first]!r}, which is not a number")
    number = int(row[first])
    for name, values, parse in answers:
        if not row.get(name):
            continue
        if number in values:
            raise RequestError(f"answers {first} {number} twice; delete one of the lines")
        try:
            values[number] = parse(row[name])
        except ValueError as error:
            where = "picture" if first == "number" else first
            raise RequestError(f"says {name} {row[name]!r} of {where} {number}; {error}") from error


def _parse_yes_no(text: str) -> float:
    if text not in (*_YES, *_NO):
        raise ValueError("use y or n")
    return float(text in _YES)


def _parse_rating(text: str) -> float:
    if text.removesuffix(".0") not in map(str, RATINGS):
        raise ValueError(f"use a whole number from {RATINGS[0]} to {RATINGS[-1]}")
    return float(text)


def _parse_side(text: str) -> float:
    if text not in ("left", "l", "right", "r"):
        raise ValueError("use left or right")
    return float(text.startswith("l"))
