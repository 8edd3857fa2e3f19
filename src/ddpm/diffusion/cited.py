"""Functions with the papers they come from: rows of the tables of schedules, objectives and weightings."""

from __future__ import annotations

from collections.abc import Callable
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
