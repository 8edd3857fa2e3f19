"""Write docs/commands.md, the reference of all commands, from the parser.

python scripts/command_reference.py docs/commands.md     # or: make reference
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from ddpm.cli.parser import build_parser
from ddpm.commands import COMMANDS, GROUPS

OPENING = """# Commands

Every command with its arguments and options, as `--help` lists them, in the order in which a
newcomer needs them. `make reference` writes this page from the parser.
"""


def reference() -> str:
    """Return the page as Markdown: a section for each group, a table for each command."""
    verbs = subcommands(build_parser())
    parts = [OPENING]
    for group in GROUPS:
        names = [name for name, row in COMMANDS.items() if row.group == group]
        parts += [f"## {group.capitalize()}\n"] * bool(names)
        parts += [
            part for name in names for part in section(name, verbs[name], COMMANDS[name].help)
        ]
    return "\n".join(parts)


def subcommands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Return the parsers of the commands below `parser`, by name."""
    found = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    return {name: below for action in found for name, below in action.choices.items()}


def section(name: str, parser: argparse.ArgumentParser, summary: str) -> Iterator[str]:
    """Yield the parts of one command: heading, summary, table of options, then its subcommands."""
    yield f"### ddpm {name}\n"
    yield f"{cell(summary[0].upper() + summary[1:])}.\n"
    yield from (f"```text\n{text.strip()}\n```\n" for text in (parser.epilog,) if text)
    rows = [row(parser, action) for action in parser._actions if is_listed(action)]
    if rows:
        yield "\n".join(["| argument | meaning |", "| --- | --- |", *rows]) + "\n"
    for verb, below in subcommands(parser).items():
        help_lines = {
            choice.dest: choice.help or ""
            for action in parser._actions
            if isinstance(action, argparse._SubParsersAction)
            for choice in action._choices_actions
        }
        yield from section(f"{name} {verb}", below, help_lines.get(verb) or verb)


def is_listed(action: argparse.Action) -> bool:
    """Return whether an argument belongs into the table: not `--help`, not the list of subcommands."""
    hidden = isinstance(action, (argparse._SubParsersAction, argparse._HelpAction))
    return not hidden and action.help != argparse.SUPPRESS


def row(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    """Return the row of one argument: how it is typed, and its help."""
    metavar = parser._get_formatter()._format_args(action, action.dest) if action.nargs != 0 else ""
    typed = " ".join([*action.option_strings[-1:], *[metavar] * bool(metavar)])
    help_text = parser._get_formatter()._expand_help(action) if action.help else ""
    return f"| `{typed.replace('|', chr(92) + '|')}` | {cell(help_text)} |"


def cell(text: str) -> str:
    """Return `text` on one line, with the characters escaped that Markdown would read."""
    words = " ".join(text.split())
    for character in "|<*_":
        words = words.replace(character, f"\\{character}")
    return words


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(reference(), "utf-8")
