"""Values of configuration keys: parsed, converted to the type of their key, quoted in errors."""

from __future__ import annotations

import difflib
import math
import types
import typing
from collections.abc import Iterable
from typing import Any, Literal

from ddpm.errors import RequestError
from ddpm.files import parse_json

_MAX_QUOTED = 100  # characters of a wrong value that an error repeats
_MAX_CHOICES = 30  # names that an error lists
_INT_LIMIT = 2**63  # integers must be smaller


def parse_value(text: str) -> Any:
    """Return the JSON value of `text`; `yes` and `no` are booleans, other words are strings."""
    try:
        return parse_json(text)
    except ValueError:
        booleans = {"True": True, "False": False, "yes": True, "no": False}
        return booleans.get(text, text)


def quote(value: object) -> str:
    """Return the repr of `value` for an error message, truncated to one short line."""
    text = repr(value)
    return text if len(text) <= _MAX_QUOTED else f"{text[:_MAX_QUOTED]}…"


def suggestion(name: str, choices: Iterable[str]) -> str:
    """Return `did you mean NAME? ` with the most similar choice, or "" if none is similar."""
    if len(name) > _MAX_QUOTED:
        return ""
    close = difflib.get_close_matches(name, list(choices), n=1, cutoff=0.5)
    return f"did you mean {close[0]}? " if close else ""


def unknown_name_error(kind: str, name: object, choices: Iterable[str]) -> RequestError:
    """Return the error for an unknown name: it suggests the most similar choice and lists the first ones."""
    names = list(dict.fromkeys(choices))
    hint = suggestion(str(name), names)
    listed = ", ".join(names[:_MAX_CHOICES])
    if len(names) > _MAX_CHOICES:
        listed += f" and {len(names) - _MAX_CHOICES} more"
    return RequestError(f"There is no {kind} {quote(str(name))}; {hint}the choices are {listed}.")


def coerce(value: Any, hint: Any, key: str) -> Any:
    """Return `value` converted to the type `hint`. Raises RequestError, which names `key`, if that fails."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        if value in args and type(value) in {type(a) for a in args}:
            return value
        raise RequestError(
            f"{key} cannot be {quote(value)}; {suggestion(str(value), map(str, args))}"
            f"the choices are {', '.join(map(str, args))}."
        )
    if origin is tuple:
        return _coerce_tuple(value, args, key)
    allowed = args if origin in (types.UnionType, typing.Union) else (hint,)
    if isinstance(value, int) and abs(value) >= _INT_LIMIT:
        raise RequestError(
            f"{key} must be a number below 2^63, not one with {len(str(abs(value)))} digits."
        )
    if float in allowed and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if int in allowed and isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
        raise RequestError(f"{key} must be {_type_names(allowed)}, not {quote(value)}.")
    if isinstance(value, float) and not math.isfinite(value):
        raise RequestError(f"{key} must be a finite number, not {value!r}.")
    return value


def _coerce_tuple(value: Any, args: tuple[Any, ...], key: str) -> tuple[Any, ...]:
    if isinstance(value, str | int | float):
        try:
            value = [parse_value(part.strip()) for part in str(value).split(",") if part.strip()]
        except ValueError:
            value = [value]
    if not isinstance(value, list | tuple):
        raise RequestError(f"{key} must be a list such as [1, 2, 2], not {quote(value)}.")
    if args[-1] is not Ellipsis and len(value) != len(args):
        raise RequestError(f"{key} needs {len(args)} values, not {len(value)}.")
    return tuple(coerce(item, args[0], key) for item in value)


def _type_names(allowed: tuple[Any, ...]) -> str:
    words = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
    return " or ".join(words.get(t, t.__name__) for t in allowed)
