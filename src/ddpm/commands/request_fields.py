"""Checks of the fields of a request that a library call makes."""

from __future__ import annotations

import dataclasses
import os
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from ddpm.config.values import coerce, unknown_name_error
from ddpm.errors import RequestError

Request = TypeVar("Request")

_FROM_ZERO = ("seed", "likelihood")  # whole numbers that may be 0; the others are counts
_PLAIN = (int, float, str, bool)


def make_checked(request: type[Request], args: Sequence[Any], fields: Mapping[str, Any]) -> Request:
    """Return `request(*args, **fields)` with checked fields. RequestError: a missing or an unknown field."""
    own = [f.name for f in dataclasses.fields(request)]  # type: ignore[arg-type]
    unknown = [name for name in fields if name not in own]
    if unknown:
        raise unknown_name_error("argument", unknown[0], own)
    try:
        made = request(*args, **fields)
    except TypeError as error:
        reason = str(error).partition("() ")[2] or str(error)
        raise RequestError(f"The call {reason}; the arguments are {', '.join(own)}.") from error
    return checked(made)


def checked(request: Request) -> Request:
    """Return a request (a dataclass) whose paths are `Path`s. RequestError: a value of another type or range.

    Numbers must lie in the range that the command line accepts.
    """
    hints = typing.get_type_hints(type(request))
    own = [f.name for f in dataclasses.fields(request)]  # type: ignore[arg-type]
    values = {name: _checked(name, getattr(request, name), hints[name]) for name in own}
    return dataclasses.replace(request, **values)  # type: ignore[type-var]


def _checked(name: str, value: Any, hint: Any) -> Any:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    kinds = args if origin in (types.UnionType, typing.Union) else (hint,)
    if value is None and type(None) in kinds:
        return None
    if Path in kinds:
        return to_path(name, value)
    if origin is typing.Literal or (str in kinds and isinstance(value, os.PathLike)):
        return coerce(os.fspath(value) if isinstance(value, os.PathLike) else value, hint, name)
    if origin is not None and isinstance(origin, type) and issubclass(origin, Sequence):
        return _sequence(name, value, args[0])
    if not all(kind in (*_PLAIN, type(None)) for kind in kinds):
        return value
    value = coerce(value, hint, name)
    low = None if isinstance(value, bool | str) else 0 if name in _FROM_ZERO else 1
    if isinstance(value, int) and low is not None and value < low:
        raise RequestError(f"{name} is {value}; pass a whole number of at least {low}.")
    return value


def _sequence(name: str, value: Any, kind: Any) -> Sequence[Any]:
    if isinstance(value, str | bytes | os.PathLike | Mapping) or not hasattr(value, "__iter__"):
        raise RequestError(
            f"{name} must be a list, such as [{value!r}], not a value of type {type(value).__name__}."
        )
    items = [_checked(name, item, kind) for item in value]
    return items if isinstance(value, list) else tuple(items)


def to_path(name: str, value: Any) -> Path:
    """Return a path given as text or as a path. RequestError: another type."""
    if isinstance(value, str | os.PathLike):
        return Path(value)
    raise RequestError(f"{name} must be a path, not a value of type {type(value).__name__}.")
