"""Functions with the papers they come from: rows of the tables of schedules, objectives and weightings."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Cited(Generic[P, R]):
    """A function and the key of its source in the bibliography (`documents/citations.SOURCES`)."""

    function: Callable[P, R]
    source: str

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.function(*args, **kwargs)


def check_known(noun: str, name: object, table: Iterable[str]) -> None:
    """Raise ValueError, with the most similar name, if a `name` is not in the table."""
    names = list(table)
    if isinstance(name, str) and name in names:
        return
    similar = difflib.get_close_matches(str(name), names, n=1)
    hint = f"did you mean {similar[0]!r}? " if similar else ""
    raise ValueError(f"there is no {noun} {name!r}; {hint}choose one of {', '.join(names)}")
