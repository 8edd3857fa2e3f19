"""Values of the right type for a key, and errors that name the nearest right word."""

from __future__ import annotations

import difflib
import math
import types
import typing
from collections.abc import Iterable
from typing import Any, Literal

from ddpm.errors import RequestError
from ddpm.files import parse_json

_LONGEST_SHOWN = 100  # characters of a wrong value that an error repeats
_LARGEST = 2**63  # whole numbers beyond it mean nothing to any key


def parse(text: str) -> Any:
    """JSON, or a bare word."""
    try:
        return parse_json(text)
    except ValueError:
        words = {"True": True, "False": False, "yes": True, "no": False}
        return words.get(text, text)


def shown(value: object) -> str:
    """A value as an error repeats it: one line, and not all of one that is long."""
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def nearest(name: str, choices: Iterable[str]) -> str:
    """`did you mean NAME? `, or nothing where no choice is near."""
    if len(name) > _LONGEST_SHOWN:
        return ""
    close = difflib.get_close_matches(name, list(choices), n=1, cutoff=0.5)
    return f"did you mean {close[0]}? " if close else ""


def unknown_name_error(what: str, name: object, choices: Iterable[str]) -> RequestError:
    """The error for a name that is not in a table: the nearest right name, then all of them."""
    names = list(dict.fromkeys(choices))
    hint = nearest(str(name), names)
    return RequestError(
        f"There is no {what} {shown(str(name))}; {hint}the choices are {', '.join(names)}."
    )


def coerce(value: Any, hint: Any, key: str) -> Any:
    """`value` as the type that `hint` names; RequestError, naming `key`, where it cannot be."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        if value in args and type(value) in {type(a) for a in args}:
            return value
        raise RequestError(
            f"{key} cannot be {shown(value)}; {nearest(str(value), map(str, args))}"
            f"the choices are {', '.join(map(str, args))}."
        )
    if origin is tuple:
        return _coerce_tuple(value, args, key)
    allowed = args if origin in (types.UnionType, typing.Union) else (hint,)
    if isinstance(value, int) and abs(value) >= _LARGEST:
        raise RequestError(
            f"{key} must be a number below 2^63, not one of {len(str(abs(value)))} digits."
        )
    if float in allowed and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if int in allowed and isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
        raise RequestError(f"{key} must be {_type_words(allowed)}, not {shown(value)}.")
    if isinstance(value, float) and not math.isfinite(value):
        raise RequestError(f"{key} must be a finite number, not {value!r}.")
    return value


def _coerce_tuple(value: Any, args: tuple[Any, ...], key: str) -> tuple[Any, ...]:
    if isinstance(value, str | int | float):
        try:
            value = [parse(part.strip()) for part in str(value).split(",") if part.strip()]
        except ValueError:
            value = [value]
    if not isinstance(value, list | tuple):
        raise RequestError(f"{key} must be a list such as [1, 2, 2], not {shown(value)}.")
    if args[-1] is not Ellipsis and len(value) != len(args):
        raise RequestError(f"{key} needs {len(args)} values, not {len(value)}.")
    return tuple(coerce(item, args[0], key) for item in value)


def _type_words(allowed: tuple[Any, ...]) -> str:
    words = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
    return " or ".join(words.get(t, t.__name__) for t in allowed)
