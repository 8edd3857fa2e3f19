"""Completion scripts for shells, made from the parser by shtab."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import shtab

from ddpm.data.catalogue import absolute_data_path


def completion_script(parser: argparse.ArgumentParser, shell: str) -> str:
    """Return the completion script of `parser` for `shell`: bash, zsh or fish.

    Paths are completed for options that take a path and for every positional argument.
    """
    for action in _actions(parser):
        takes_path = action.type in (Path, absolute_data_path) or not action.option_strings
        if takes_path and action.choices is None:
            action.complete = shtab.FILE  # type: ignore[attr-defined]
    script: str = shtab.complete(parser, shell)
    return script


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Yield the arguments and options of a parser and of its commands."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for subparser in action.choices.values():
                yield from _actions(subparser)
        else:
            yield action
