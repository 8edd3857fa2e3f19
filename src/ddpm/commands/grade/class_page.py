"""The page of a class: pictures side by side, every check with its evidence, and all resemblances.

One file without scripts. Every text of a hand-in is escaped, and pictures are encoded anew.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from html import escape as escape_html
from importlib import resources
from typing import Any

from ddpm.commands.bundle import SETS, grid_name, loss_name
from ddpm.commands.grade.class_table import ORDER, checked_subjects, state_of
from ddpm.commands.grade.resemblances import Resemblance
from ddpm.documents.tables import format_count, format_interval, format_number
from ddpm.terminal import escape

STYLE = "class_page.css"
_SIGNS = {"right": "✓", "wrong": "✗", "not verifiable": "?", "": "–"}
_CLASSES = {"right": "right", "wrong": "wrong", "not verifiable": "unsure", "": "none"}
Record = Mapping[str, Any]


def text(value: object) -> str:
    """Return a value of a hand-in as text of the page: escaped for terminals, readers and HTML."""
    return escape_html(escape(str(value)))


def class_page(title: str, records: Sequence[Record], found: Sequence[Resemblance]) -> str:
    """Return the whole page, with the hand-ins in the order of their names."""
    places = {record["name"]: f"hand-in-{number}" for number, record in enumerate(records, 1)}
    style = (resources.files("ddpm") / "commands" / "grade" / STYLE).read_text("utf-8")
    style += "".join(_picture_rules(records, places))
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>Hand-ins of {text(title)}</title><style>{style}</style></head><body>",
            f"<header><h1>Hand-ins of {text(title)}</h1>{_introduction(records)}</header><main>",
            *_overview(records, found, places),
            *_resemblances(records, found, places),
            *(part for record in records for part in _hand_in(record, found, places)),
            "</main></body></html>\n",
        ]
    )


def _introduction(records: Sequence[Record]) -> str:
    return (
        f"<p>{len(records)} hand-ins, for the teacher alone, in the order of their names. "
        "<b>Right</b> and <b>wrong</b> were checked; <b>not verifiable</b> is neither. Nothing that was "
        "handed in has been run. A resemblance is evidence and no verdict.</p>"
    )


def _overview(
    records: Sequence[Record], found: Sequence[Resemblance], places: Mapping[str, str]
) -> Iterator[str]:
    """Yield the table with a row for each hand-in and a column for each subject."""
    subjects = checked_subjects()
    head = "".join(f'<th scope="col">{text(name)}</th>' for name in subjects)
    yield '<section aria-labelledby="overview"><h2 id="overview">Overview</h2>'
    yield '<div class="scroll" tabindex="0" role="region" aria-label="Overview table"><table>'
    yield f'<thead><tr><th scope="col">hand-in</th><th scope="col">resemblances</th>{head}</tr></thead>'
    yield "<tbody>"
    for record in records:
        name = record["name"]
        cells = "".join(f"<td>{_state(state_of(record, each))}</td>" for each in subjects.values())
        count = sum(each.name == name for each in found)
        yield (
            f'<tr><th scope="row"><a href="#{places[name]}">{text(name)}</a></th>'
            f"<td>{count or '–'}</td>{cells}</tr>"
        )
    yield "</tbody></table></div></section>"


def _state(state: str) -> str:
    label = state or "not checked"
    return f'<span class="{_CLASSES[state]}"><span aria-hidden="true">{_SIGNS[state]}</span> {label}</span>'


def _resemblances(
    records: Sequence[Record], found: Sequence[Resemblance], places: Mapping[str, str]
) -> Iterator[str]:
    """Yield the pairs of hand-ins that have something in common, with the grids in question side by side."""
    by_name = {record["name"]: record for record in records}
    pairs: dict[tuple[str, str], list[str]] = {}
    for each in found:
        if not each.other:
            pairs.setdefault((each.name, ""), []).append(each.text)
        elif each.name < each.other:
            pairs.setdefault((each.name, each.other), []).append(each.text)
    yield '<section aria-labelledby="common"><h2 id="common">Resemblances</h2>'
    if not pairs:
        yield "<p>None was found.</p>"
    for (one, other), texts in sorted(pairs.items()):
        names = [name for name in (one, other) if name]
        title = " and ".join(f'<a href="#{places[name]}">{text(name)}</a>' for name in names)
        yield f"<h3>{title}</h3><ul>{''.join(f'<li>{text(line)}</li>' for line in texts)}</ul>"
        grids = [grid_name(images) for images in SETS]
        shown = [grid for grid in grids if any(grid in line for line in texts)]
        if shown:
            yield '<div class="pictures small">'
            for grid, name in itertools.product(shown, names):
                yield _picture(by_name[name], grid, places[name], f"{name}: ")
            yield "</div>"
    yield "</section>"


def _picture_rules(records: Sequence[Record], places: Mapping[str, str]) -> Iterator[str]:
    """Yield a rule for each picture, so that the page holds it once however often it is shown."""
    for record in records:
        for name, row in record.get("pictures", {}).items():
            if row.get("thumbnail"):
                width, height = map(int, row["size"])
                source = f"url(data:image/jpeg;base64,{text(row['thumbnail'])})"
                selector = f".{places[record['name']]}-{name.partition('.')[0]}"
                yield f"{selector}{{background-image:{source};aspect-ratio:{width}/{height}}}\n"


def _picture(record: Record, name: str, place: str, prefix: str = "") -> str:
    row = record.get("pictures", {}).get(name, {})
    caption = f"{text(prefix)}{text(name)}"
    if not row.get("thumbnail"):
        return f'<p class="missing">{caption}: no readable picture</p>'
    width, height = map(int, row["size"])
    named = f"{place}-{name.partition('.')[0]}"
    return (
        f'<figure><div class="picture {named}" role="img" aria-label="{caption}"></div>'
        f"<figcaption>{caption}, {width} x {height}</figcaption></figure>"
    )


def _hand_in(
    record: Record, found: Sequence[Resemblance], places: Mapping[str, str]
) -> Iterator[str]:
    """Yield the section of one hand-in."""
    name, place = record["name"], places[record["name"]]
    yield f'<section aria-labelledby="{place}"><h2 id="{place}">{text(name)}</h2>'
    yield f"<p>Student {text(record['student_id'])}. {_facts(record)}</p>"
    yield '<p class="back"><a href="#overview">Overview</a></p>'
    if record.get("pictures") is not None:
        names = [kind(images) for images in SETS for kind in (grid_name, loss_name)]
        yield f'<div class="pictures">{"".join(_picture(record, each, place) for each in names)}</div>'
    rows = "".join(
        f'<tr><td>{_state(check["state"])}</td><th scope="row">{text(check["subject"])}</th>'
        f"<td>{text(check['text'])}</td></tr>"
        for check in sorted(record["checks"], key=lambda check: ORDER.index(check["state"]))
    )
    head = "".join(f'<th scope="col">{word}</th>' for word in ("state", "subject", "evidence"))
    yield f"<table><caption>Checks</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    yield from _scores(record)
    own = [each for each in found if each.name == name]
    if own:
        yield f"<h3>Resemblances</h3><ul>{''.join(f'<li>{text(each.text)}</li>' for each in own)}</ul>"
    yield "</section>"


def _facts(record: Record) -> str:
    """Return what the hand-in states of its training, and how much code is its own."""
    parts = []
    for images, facts in record.get("facts", {}).items():
        minutes = facts.get("minutes")
        time = f", {minutes:g} minutes" if minutes is not None else ""
        seen = format_count(facts["images_seen"])
        parts.append(
            f"{text(images)}: {format_count(facts['steps'])} steps, {seen} images seen{time} "
            "(as its files state)"
        )
    code = record.get("code")
    if code:
        place = f"code/{record['key']}"
        parts.append(
            f"own code files: {code['own']} (in {text(place)}), given ones: {code['given']}"
        )
    return "; ".join(parts) + "." if parts else ""


def _scores(record: Record) -> Iterator[str]:
    for images, rows in record.get("scores", {}).items():
        if not isinstance(rows, list):
            yield f"<p>{text(grid_name(images))} {text(rows)}.</p>"
            continue
        lines = "".join(
            f'<tr><th scope="row">{text(row["label"])}</th><td>'
            f"{format_interval(row['value'], row.get('low'), row.get('high'))}</td>"
            f"<td>{format_number(row.get('floor'))}</td><td>{int(row['n'])}</td></tr>"
            for row in rows
        )
        head = "".join(
            f'<th scope="col">{word}</th>' for word in ("score", "value [95 %]", "floor", "n")
        )
        yield (
            f"<table><caption>{text(grid_name(images))}: its 25 images beside as many real ones</caption>"
            f"<thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"
        )
