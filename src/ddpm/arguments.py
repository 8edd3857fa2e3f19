"""Checks of arguments that a caller passes to a class or function of the library."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral, Real
from typing import TypeGuard

from ddpm.errors import RequestError


def check_whole(name: str, value: object, least: int = 1) -> None:
    """Raise RequestError unless `value` is a whole number of at least `least`."""
    if not is_whole(value) or value < least:
        raise RequestError(f"{name} must be a whole number of at least {least}, not {value!r}.")


def check_wholes(name: str, values: object, least: int = 1, count: int | None = None) -> None:
    """Raise RequestError unless `values` are whole numbers of at least `least`; with `count`, so many."""
    listed = list(values) if isinstance(values, Iterable) and not isinstance(values, str) else None
    if listed is None or count not in (None, len(listed)):
        wanted = f"{count} whole numbers" if count else "a list of whole numbers"
        raise RequestError(f"{name} must be {wanted}, not {values!r}.")
    for value in listed:
        check_whole(f"{name}: each", value, least)


def check_number(name: str, value: object, low: float, high: float = float("inf")) -> None:
    """Raise RequestError unless `value` is a number from `low` to `high`."""
    if isinstance(value, bool) or not isinstance(value, Real) or not low <= float(value) <= high:
        wanted = f"from {low:g} to {high:g}" if high < float("inf") else f"of {low:g} or more"
        raise RequestError(f"{name} must be a number {wanted}, not {value!r}.")


def check_choice(name: str, value: object, choices: Iterable[str]) -> None:
    """Raise RequestError unless `value` is one of the words `choices`."""
    words = list(choices)
    if not isinstance(value, str) or value not in words:
        raise RequestError(f"{name} must be {' or '.join(words)}, not {value!r}.")


def check_type(name: str, value: object, kind: type, advice: str = "") -> None:
    """Raise RequestError unless `value` is a `kind`; `advice` says how to make one."""
    if not isinstance(value, kind):
        raise RequestError(f"{name} must be a {kind.__name__}, not {type(value).__name__}{advice}.")


def is_whole(value: object) -> TypeGuard[int]:
    """Return whether `value` is an integer of Python or numpy, and no boolean."""
    return isinstance(value, Integral) and not isinstance(value, bool)
