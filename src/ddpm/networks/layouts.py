"""Layouts: the settings of an imported network as JSON, checked before anything is allocated."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

MAX_LEVELS = 10
MAX_WIDTH = 8192  # channels of a layer
_MAX_TEXT = 10_000  # characters of a layout

Check = Callable[[Any], bool]


def parse_layout(text: str, checks: Mapping[str, Check]) -> dict[str, Any]:
    """Return the settings in a layout, each accepted by its check. ValueError: a setting is impossible."""
    if not text:
        raise ValueError("network.layout is empty; this kind of network comes from ddpm import")
    try:
        values = json.loads(text) if len(text) <= _MAX_TEXT else None
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise ValueError("network.layout is not a JSON object of settings")
    for name, value in values.items():
        if name not in checks or not checks[name](value):
            raise ValueError(f"network.layout has {name}={str(value)[:80]}, which is not supported")
    missing = [name for name in checks if name not in values]
    if missing:
        raise ValueError(f"network.layout lacks {', '.join(missing)}")
    return values


def layout_text(values: Mapping[str, Any]) -> str:
    """Return the layout of settings, with sorted names."""
    return json.dumps(dict(values), sort_keys=True)


def whole(low: int, high: int) -> Check:
    """Return a check for a whole number from `low` to `high`."""
    return lambda value: type(value) is int and low <= value <= high


def either(*choices: object) -> Check:
    """Return a check for one of `choices`."""
    return lambda value: any(type(value) is type(choice) and value == choice for choice in choices)


def number(low: float, high: float) -> Check:
    """Return a check for a number from `low` to `high`."""
    return lambda value: type(value) in (int, float) and low <= value <= high


def none_or(check: Check) -> Check:
    """Return a check that also accepts null."""
    return lambda value: value is None or check(value)


def series(check: Check) -> Check:
    """Return a check for 1 to `MAX_LEVELS` values."""
    return lambda value: (
        isinstance(value, list) and 1 <= len(value) <= MAX_LEVELS and all(map(check, value))
    )
