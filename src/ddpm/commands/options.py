"""Options of commands, each declared once for argparse, the request and the printed command.

A command's `command.py` declares `VERB_OPTIONS`, a tuple of `Option`. `add_options` hands them to argparse,
`make_request` fills the command's request, and `command_line` returns the command of a request.
"""

from __future__ import annotations

import argparse
import dataclasses
import shlex
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TypeVar

from ddpm.commands import command_module

Request = TypeVar("Request")


def value_text(value: object) -> str:
    """Return a value as it is typed: 3.0 as `3`, (4, 6) as `4,6`."""
    if isinstance(value, tuple):
        return ",".join(map(value_text, value))
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    return str(value)


@dataclass(frozen=True)
class Option:
    """One option of a command, or one positional argument where `flag` is empty.

    `name` is a field of the command's request. A name with a dot is a configuration key: `--steps 20`,
    named `sampling.steps`, is short for `--set sampling.steps=20`.
    """

    name: str
    flag: str = ""
    kind: Callable[[str], Any] = str  # parses the typed text; bool: a switch
    default: Any = None
    help: str | None = None
    metavar: str | None = None
    choices: Iterable[Any] | None = None
    nargs: str | None = None
    repeated: bool = False  # may be given several times; the value is a tuple
    printed: bool = True  # part of the printed command
    text: Callable[[Any], str] = value_text  # formats the value as typed text

    def argparse_keywords(self) -> dict[str, Any]:
        """Return the keyword arguments of `add_argument`."""
        if self.kind is bool:
            return {"dest": self.name, "action": "store_true", "help": self.help}
        keywords = {
            "default": [] if self.repeated else self.default,
            "type": self.kind,
            "help": self.help,
            "metavar": self.metavar,
            "choices": self.choices,
            "nargs": self.nargs,
        }
        if self.flag:
            keywords["dest"] = self.name
            if self.choices is None:
                keywords["metavar"] = self.metavar or self.flag.lstrip("-").upper()
        if self.repeated:
            keywords["action"] = "append"
        return {name: value for name, value in keywords.items() if value is not None}

    def words(self, value: Any) -> Iterator[str]:
        """Yield the words that give this option `value` on a command line."""
        if value is True:
            yield self.flag
            return
        many = self.repeated or self.nargs in ("*", "+")
        texts = [self.text(part) for part in value] if many else [self.text(value)]
        if not self.flag:
            yield from texts
        elif self.nargs:
            yield from (self.flag, *texts)
        else:
            for text in texts:  # a value such as -x would be taken for another option
                yield from [f"{self.flag}={text}"] if text.startswith("-") else [self.flag, text]


def switch(name: str, flag: str, help: str, printed: bool = True) -> Option:
    """Return an option without a value: off unless given."""
    return Option(name, flag, bool, False, help, printed=printed)


def add_options(parser: argparse._ActionsContainer, options: Iterable[Option]) -> None:
    """Declare `options` to argparse: to a parser, or to a group of one."""
    for option in options:
        names = [option.flag] if option.flag else [option.name]
        parser.add_argument(*names, **option.argparse_keywords())


def make_request(
    request: Callable[..., Request], options: Sequence[Option], values: Namespace, **more: Any
) -> Request:
    """Return a `request` (a dataclass) filled with parsed `values`.

    Options that are not fields of it are left out. `more`: further fields.
    """
    fields = {field.name for field in dataclasses.fields(request)}  # type: ignore[arg-type]
    found = {name: value for name, value in named_values(options, values).items() if name in fields}
    return request(**found | more)


def named_values(options: Iterable[Option], values: Namespace) -> dict[str, Any]:
    """Return the value of each option by its name; configuration keys become `overrides`, before --set."""
    found: dict[str, Any] = {}
    overrides: list[str] = []
    for option in options:
        value = getattr(values, option.name)
        if "." not in option.name:
            found[option.name] = tuple(value) if isinstance(value, list) else value
        elif value is not None:
            overrides.append(f"{option.name}={value}")
    if overrides or "overrides" in found:
        found["overrides"] = (*overrides, *found.get("overrides", ()))
    return found


def verb_options(verb: str) -> tuple[Option, ...]:
    """Return the options that a verb declares, such as `evaluate` or `data prepare`."""
    command, name = verb.split()[0], verb.replace("-", "_").replace(" ", "_")
    module = import_module(command_module(command))
    options: tuple[Option, ...] = getattr(module, f"{name.upper()}_OPTIONS")
    return options


def command_line(verb: str, request: object) -> str:
    """Return the command line of `request`, quoted for a shell, without default values."""
    words = ["ddpm", *verb.split()]
    for option in verb_options(verb):
        default = () if option.repeated else option.default
        value = getattr(request, option.name, default)
        value = tuple(value) if isinstance(value, list) else value
        if option.printed and value != default:
            words += option.words(value)
    return shlex.join(words)


# Parsers of typed values; an ArgumentTypeError names the valid values.


def _number(text: str, low: float, high: float, expected: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise argparse.ArgumentTypeError(f"{text!r} should be {expected}")
    return value


def positive(text: str) -> float:
    """Read a number above 0."""
    return _number(text, 1e-9, 1e9, "a number above 0")


def fraction(text: str) -> float:
    """Read a number from 0 to 1."""
    return _number(text, 0, 1, "a number from 0 to 1")


def _integer(text: str, low: int, expected: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = low - 1
    if not low <= value < 2**63:
        raise argparse.ArgumentTypeError(f"{text!r} should be {expected}")
    return value


def count(text: str) -> int:
    """Read a whole number of at least 1."""
    return _integer(text, 1, "a whole number of at least 1")


def natural(text: str) -> int:
    """Read a whole number of at least 0."""
    return _integer(text, 0, "a whole number of at least 0")


def grid_shape(text: str) -> tuple[int, int]:
    """Read rows and columns, such as 5x5."""
    rows, _, columns = text.lower().partition("x")
    try:
        return count(rows), count(columns)
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} should be rows x columns, such as 5x5"
        ) from error
