"""The author's own passages: a Markdown file that is read, or a template to write them into."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

from ddpm.commands.report.words.languages import LANGUAGES, OWN, PASSAGES, Words
from ddpm.documents.document import (
    Blank,
    Block,
    Heading,
    Items,
    Paragraph,
    Span,
    Spans,
    Style,
    plain,
)
from ddpm.errors import RequestError

if TYPE_CHECKING:
    from markdown_it.rules_inline import StateInline
    from markdown_it.tree import SyntaxTreeNode

_COMMENT = re.compile(r"<!--.*?(-->|\Z)", re.DOTALL)
_CJK = 0x2E80  # the first code point of East Asian scripts, which put no spaces between words
_STYLES: dict[str, Style] = {"strong": "strong", "em": "emphasis", "code_inline": "code"}
NEEDED = "run pip install 'ddpm-studio[report]', or name another file with --notes"


@dataclass
class Notes:
    """The written passages: `own` by the key of a passage, `others` by their heading."""

    own: dict[str, list[Block]] = field(default_factory=dict)
    others: dict[str, list[Block]] = field(default_factory=dict)


def template(words: Words) -> str:
    """Return a template to write the passages into. An unchanged template has no passages."""
    parts = [f"<!-- {words('own.template')} -->"]
    for key in OWN:
        parts.append(f"# {words(f'own.{key}')}")
        parts.append(f"<!-- {words(f'own.{key}.prompt')} -->")
    return "\n\n".join(parts) + "\n"


def read_notes(text: str) -> Notes:
    """Return the passages of a Markdown file; its headings may be of any report language.

    Paragraphs, lists, emphasis, code and web links are interpreted; all else is literal text. Text before
    the first heading is part of the observations. RequestError if markdown-it-py is not installed.
    """
    notes = Notes()
    if any(text == template(Words(language)) for language in LANGUAGES):
        return notes
    nodes = _parse(_COMMENT.sub("", text)).children
    top = min((_level(node) for node in nodes if node.type == "heading"), default=1)
    place = notes.own.setdefault(OWN[0], [])
    for node in nodes:
        if node.type == "heading" and _level(node) == top:
            heading = plain(_spans(node))
            key = _key(heading)
            place = (notes.others if key is None else notes.own).setdefault(key or heading, [])
        else:
            place += _blocks(node)
    for passages in (notes.own, notes.others):
        for heading in [heading for heading, blocks in passages.items() if not blocks]:
            del passages[heading]
    return notes


def _key(heading: str) -> str | None:
    """Return the passage that a heading stands for; None for a heading of the author's own."""
    for language in LANGUAGES:
        for key in PASSAGES:
            if Words(language)(f"own.{key}").casefold() == heading.casefold():
                return key
    return None


def _parse(text: str) -> SyntaxTreeNode:
    """Return the syntax tree of the subset of CommonMark that notes may use."""
    try:
        from markdown_it import MarkdownIt
        from markdown_it.tree import SyntaxTreeNode
    except ImportError as error:
        raise RequestError(f"needs the package markdown-it-py: {NEEDED}") from error

    class Parser(MarkdownIt):
        def validateLink(self, url: str) -> bool:  # noqa: N802
            return url.startswith(("http://", "https://"))

    parser = Parser("zero")
    parser.enable(["heading", "list", "newline", "escape", "backticks", "link", "emphasis"])
    parser.enable(["balance_pairs", "fragments_join"])
    parser.inline.ruler.at("emphasis", _emphasis)
    return SyntaxTreeNode(parser.parse(text))


def _emphasis(state: StateInline, silent: bool) -> bool:
    """Tokenize `*` and `_` as CommonMark does, but let them touch East Asian letters and punctuation."""
    from markdown_it.rules_inline import emphasis

    start, known = state.pos, len(state.delimiters)
    if not emphasis.tokenize(state, silent):
        return False
    before, after = state.src[:start][-1:], state.src[state.pos :][:1]
    if max(before, after) >= chr(_CJK):
        for delimiter in state.delimiters[known:]:
            delimiter.open = bool(after.strip())
            delimiter.close = bool(before.strip())
    return True


def _level(heading: SyntaxTreeNode) -> int:
    return int(heading.tag[1:])


def _blocks(node: SyntaxTreeNode) -> Iterator[Block]:
    """Yield the block of a heading, paragraph or list; none if it is empty."""
    if node.type.endswith("_list"):
        if items := tuple(filter(None, _items(node))):
            yield Items(items, numbered=node.type == "ordered_list")
    elif line := _spans(node):
        yield Heading(plain(line), 3) if node.type == "heading" else Paragraph(line)


def _items(node: SyntaxTreeNode) -> Iterator[Spans]:
    """Yield the items of a list, those of lists inside it after the item that holds them."""
    for item in node.children:
        lines = [_spans(part) for part in item.children if not part.type.endswith("_list")]
        yield _joined(span for line in lines for span in (*line, Span(" ")))
        for part in item.children:
            if part.type.endswith("_list"):
                yield from _items(part)


def _spans(node: SyntaxTreeNode) -> Spans:
    """Return the text of a heading or paragraph."""
    return _joined(span for inline in node.children for span in _styled(inline))


def _styled(node: SyntaxTreeNode, style: Style = "plain", link: str = "") -> Iterator[Span]:
    """Yield the pieces of text below a node of the tree, each in the innermost style."""
    style = _STYLES.get(node.type, style)
    if node.type == "link":
        link = str(node.attrs["href"])
    if node.type in ("softbreak", "hardbreak"):
        yield Span(" ", style, link)
    elif not node.children:
        yield Span(node.content, style, link)
    for child in node.children:
        yield from _styled(child, style, link)


def _joined(pieces: Iterator[Span]) -> Spans:
    """Return neighbors of one style as one span, without space at the end of the line."""
    groups = groupby((p for p in pieces if p.text), lambda piece: (piece.style, piece.link))
    line = [Span("".join(p.text for p in group), *key) for key, group in groups]
    if line and not line[-1].text.strip():
        line.pop()
    elif line:
        line[-1] = Span(line[-1].text.rstrip(), line[-1].style, line[-1].link)
    return tuple(line)


def own_chapter(words: Words, notes: Notes) -> Iterator[Block]:
    """Yield the discussion: the author's passages, and a box for each that is not written yet."""
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
