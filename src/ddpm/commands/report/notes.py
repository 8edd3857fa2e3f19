"""The author's own words: read from simple Markdown, or a template to write them into."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ddpm.commands.report.words.languages import LANGUAGES, OWN, PASSAGES, Words
from ddpm.documents.document import Blank, Block, Heading, Items, Paragraph, Span, Spans

_COMMENT = re.compile(r"<!--.*?(-->|\Z)", re.DOTALL)
_HEADING = re.compile(r"(#{1,6})\s+(.*?)\s*#*\s*$")
_ITEM = re.compile(r"\s*(?:([-*+])|\d{1,9}[.)])\s+(.*)")
# Not greedy, and each ends where it began: a lone mark is a mark.
_INLINE = re.compile(
    r"(?P<escape>\\(?P<literal>[!-/:-@\[-`{-~]))"
    r"|(?P<fence>`+)(?P<code>.+?)(?P=fence)(?!`)"
    r"|\[(?P<words>[^\]\[]+)\]\(<?(?P<link>https?://[^)\s>]+)>?\)"
    r"|\*\*(?P<strong>\S(?:.*?\S)??)\*\*"
    r"|(?<![A-Za-z0-9*_])(?P<mark>[*_])(?P<emphasis>\S(?:.*?\S)??)(?P=mark)(?![A-Za-z0-9*_])"
)


@dataclass
class Notes:
    """The passages that were written: of those asked for by key, others by their heading."""

    own: dict[str, list[Block]] = field(default_factory=dict)
    others: dict[str, list[Block]] = field(default_factory=dict)


def template(words: Words) -> str:
    """A file to write the passages into; read back, it is empty."""
    parts = [f"<!-- {words('own.template')} -->"]
    for key in OWN:
        parts.append(f"# {words(f'own.{key}')}")
        parts.append(f"<!-- {words(f'own.{key}.prompt')} -->")
    return "\n\n".join(parts) + "\n"


def read_notes(text: str) -> Notes:
    """The passages of a file; their headings may be of either language. Words before any are observations."""
    notes = Notes()
    key, lines = OWN[0], list[str]()
    top = min((len(found[1]) for found in map(_HEADING.match, _lines(text)) if found), default=1)
    for line in _lines(text):
        heading = _HEADING.match(line)
        if heading is None or len(heading[1]) > top:
            lines.append(line)
            continue
        _add(notes, key, lines)
        key, lines = _key(heading[2]), []
    _add(notes, key, lines)
    return notes


def _lines(text: str) -> list[str]:
    return _COMMENT.sub("", text).replace("\r\n", "\n").split("\n")


def _key(heading: str) -> str:
    """Which passage a heading stands for, or the heading itself."""
    wanted = heading.casefold()
    for language in LANGUAGES:
        for key in PASSAGES:
            if Words(language)(f"own.{key}").casefold() == wanted:
                return key
    return heading


def _add(notes: Notes, key: str, lines: Sequence[str]) -> None:
    blocks = list(_blocks(lines))
    if blocks:
        place = notes.own if key in PASSAGES else notes.others
        place.setdefault(key, []).extend(blocks)


def _blocks(lines: Sequence[str]) -> Iterator[Block]:
    """Paragraphs, lists and smaller headings; blank lines part them."""
    pending: list[str] = []
    for line in [*lines, ""]:
        heading = _HEADING.match(line)
        if line.strip() and heading is None:
            pending.append(line)
            continue
        yield from _paragraph_or_list(pending)
        pending = []
        if heading is not None:
            yield Heading(heading[2], 3)


def _paragraph_or_list(lines: Sequence[str]) -> Iterator[Block]:
    """Lines without a blank one between them: words, then perhaps items."""
    first = next((i for i, line in enumerate(lines) if _ITEM.match(line)), len(lines))
    if lines[:first]:
        yield Paragraph(inline(" ".join(line.strip() for line in lines[:first])))
    items: list[str] = []
    numbered = False
    for line in lines[first:]:
        found = _ITEM.match(line)
        if found is None:
            items[-1] += f" {line.strip()}"
            continue
        if items and numbered != (found[1] is None):
            yield Items(tuple(map(inline, items)), numbered)
            items = []
        numbered = found[1] is None
        items.append(found[2])
    if items:
        yield Items(tuple(map(inline, items)), numbered)


def inline(text: str) -> Spans:
    """`**strong**`, `*emphasis*`, `` `code` `` and links; everything else is literal."""
    pieces, done = list[Span](), 0
    for found in _INLINE.finditer(text):
        pieces += _literal(text[done : found.start()])
        pieces.append(_styled(found))
        done = found.end()
    pieces += _literal(text[done:])
    return tuple(pieces)


def _literal(text: str) -> list[Span]:
    return [Span(text)] if text else []


def _styled(found: re.Match[str]) -> Span:
    if found["escape"]:
        return Span(found["literal"])
    if found["code"]:
        return Span(found["code"].strip() or found["code"], "code")
    if found["link"]:
        return Span(found["words"], link=found["link"])
    if found["strong"]:
        return Span(found["strong"], "strong")
    return Span(found["emphasis"], "emphasis")


def own_chapter(words: Words, notes: Notes) -> Iterator[Block]:
    """The discussion: what the author wrote, and a box where nothing stands yet."""
    yield Heading(words("discussion"))
    for key in OWN[:-1]:
        yield from _passage(words, notes, key)
    for heading, blocks in notes.others.items():
        yield Heading(heading, 2)
        yield from blocks
    yield from _passage(words, notes, OWN[-1])


def _passage(words: Words, notes: Notes, key: str) -> Iterator[Block]:
    yield Heading(words(f"own.{key}"), 2)
    if key in notes.own:
        yield from notes.own[key]
    else:
        yield Blank(words("own.label"), words(f"own.{key}.prompt"))
