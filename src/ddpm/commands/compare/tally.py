"""`ddpm compare --tally`: evaluate the filled forms of a blind test with its key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from ddpm.commands.compare.blind import FOLDER, KEY, KEY_PARTS
from ddpm.commands.compare.forms import RATINGS, Form, read_form
from ddpm.commands.compare.sealed_key import unseal
from ddpm.documents.tables import NO_VALUE, aligned_table, format_number
from ddpm.errors import RequestError
from ddpm.evaluation.human_ratings import (
    best_rated,
    mean_rating,
    mean_ratings,
    preference_verdict,
    proportion,
)
from ddpm.evaluation.verdicts import Score
from ddpm.files import write_json
from ddpm.messages import Message, message, sentence

TALLY = "tally.json"


def tally(forms: Sequence[Path], out: Path) -> dict[str, Any]:
    """Return the ratings of each entry with intervals, and write them beside the key as tally.json.

    The key is read from the first form's folder, else from `out`/blind. RequestError for a form that
    cannot be read or belongs to another sheet.
    """
    answers = [_read_form_file(path) for path in forms]
    key_path = _find_key(forms[0], out)
    try:
        key, digest = unseal(key_path.read_text(encoding="utf-8", errors="replace"), KEY_PARTS)
    except RequestError as error:
        raise RequestError(f"{key_path} {error}.") from error
    for path, form in zip(forms, answers, strict=True):
        _check_form(path, form, key, digest)
    result = count_answers(answers, key) | {"key": digest, "forms": [str(path) for path in forms]}
    write_json(key_path.parent / TALLY, result)
    return result


def count_answers(forms: Sequence[Form], key: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of tally.json from parsed forms. The real images are the last entry."""
    labels, entries = key["labels"], key["entries"]
    real, quality, left = (
        mean_ratings(getattr(form, name) for form in forms) for name in ("real", "quality", "left")
    )
    real_answers = [_answers_about(real, key["pictures"], i) for i in range(len(labels))]
    quality_answers = [_answers_about(quality, key["pictures"], i) for i in range(len(labels))]
    rows = [
        {
            "label": label,
            "taken_for_real": _score_row(proportion(a), a),
            "quality": _score_row(mean_rating(b), b),
        }
        for label, a, b in zip(labels, real_answers, quality_answers, strict=True)
    ]
    return {
        "format": 2,  # 1: sentences in place of messages
        "judges": {
            "pictures": sum(bool(form.real or form.quality) for form in forms),
            "pairs": sum(bool(form.left) for form in forms),
        },
        "entries": rows,
        "verdicts": {
            name: _verdict([row[name] for row in rows[:entries]], labels)
            for name in ("taken_for_real", "quality")
        },
        "pairs": [
            _pair(left, key["pairs"], both, labels) for both in combinations(range(entries), 2)
        ],
    }


def tally_text(result: Mapping[str, Any]) -> str:
    """Return the printed text: a table of the entries, then the verdicts."""
    head = ["", "taken for real, %", f"quality, {RATINGS[0]} to {RATINGS[-1]}"]
    rows = [
        [row["label"], _format_score(row["taken_for_real"], 100), _format_score(row["quality"], 1)]
        for row in result["entries"]
    ]
    lines = [aligned_table(head, rows), ""]
    names = {"taken_for_real": "taken for real", "quality": "quality"}
    lines += [f"{words}: {sentence(result['verdicts'][name])}" for name, words in names.items()]
    for pair in result["pairs"]:
        first, second = pair["labels"]
        if pair["preferred"] is not None:
            share = _format_score(pair["preferred"], 100)
            lines.append(
                f"{first} before {second} in % of pairs: {share}: {sentence(pair['verdict'])}"
            )
    judges = result["judges"]
    return "\n".join([
        *lines,
        "",
        f"{judges['pictures']} forms of pictures, {judges['pairs']} of pairs. 95 % intervals over n "
        "pictures; the answers of several raters to one picture are averaged first.",
    ])  # fmt: skip


def _read_form_file(path: Path) -> Form:
    try:
        return read_form(path.read_bytes())
    except OSError as error:
        raise RequestError(
            f"{path} cannot be read ({error.strerror}); name a filled form."
        ) from error
    except RequestError as error:
        raise RequestError(f"{path} {error}.") from error


def _find_key(form: Path, out: Path) -> Path:
    for folder in (form.parent, out / FOLDER):
        if (folder / KEY).is_file():
            return folder / KEY
    raise RequestError(
        f"There is no {KEY} beside {form} or in {out / FOLDER}; pass the comparison's folder to --out."
    )


def _check_form(path: Path, form: Form, key: Mapping[str, Any], digest: str) -> None:
    """Raise RequestError if a form belongs to another sheet, or has numbers that the sheet lacks."""
    if form.key is not None and form.key != digest:
        raise RequestError(
            f"{path} belongs to another sheet (key {form.key[:12]}) than this one (key {digest[:12]}); "
            "pass the folder of its comparison to --out."
        )
    for what, answers, count in (
        ("picture", {**form.real, **form.quality}, len(key["pictures"])),
        ("pair", form.left, len(key["pairs"])),
    ):
        for index in answers:
            if not 1 <= index <= count:
                raise RequestError(
                    f"{path} answers {what} {index}, but numbers go from 1 to {count}; correct the number."
                )


def _answers_about(
    answers: Mapping[int, float], sources: Sequence[int], source: int
) -> list[float]:
    return [answer for index, answer in answers.items() if sources[index - 1] == source]


def _score_row(score: Score | None, answers: Sequence[float]) -> dict[str, Any] | None:
    return None if score is None else {**score._asdict(), "n": len(answers)}


def _verdict(rows: Sequence[Mapping[str, Any] | None], labels: Sequence[str]) -> Message:
    rated = {index: row for index, row in enumerate(rows) if row is not None}
    scores = {index: Score(row["value"], row["low"], row["high"]) for index, row in rated.items()}
    return best_rated(scores, {i: row["n"] for i, row in rated.items()}, labels).found


def _pair(
    left: Mapping[int, float],
    pairs: Sequence[Sequence[int]],
    both: tuple[int, int],
    labels: Sequence[str],
) -> dict[str, Any]:
    """Return how often the first of two entries was preferred to the second."""
    chosen = list(_preferences(left, pairs, both))
    score, names = proportion(chosen), (labels[both[0]], labels[both[1]])
    found = (
        message("no_answers")
        if score is None
        else preference_verdict(score, len(chosen), names).found
    )
    return {"labels": list(names), "preferred": _score_row(score, chosen), "verdict": found}


def _preferences(
    left: Mapping[int, float], pairs: Sequence[Sequence[int]], both: tuple[int, int]
) -> Iterable[float]:
    for pair, answer in left.items():
        sides = pairs[pair - 1]
        if set(sides) == set(both):
            yield answer if sides[0] == both[0] else 1 - answer


def _format_score(row: Mapping[str, Any] | None, scale: float) -> str:
    if row is None:
        return NO_VALUE
    value, low, high = (format_number(scale * row[key]) for key in ("value", "low", "high"))
    return f"{value} [{low}, {high}], n={row['n']}"
