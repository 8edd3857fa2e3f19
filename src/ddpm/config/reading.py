"""Configurations from JSON and `--set key.path=value`; unknown keys and wrong types are errors."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeVar

from ddpm.config.checks import check, check_keys_used
from ddpm.config.sections import FORMAT_VERSION, Config
from ddpm.config.values import coerce, parse_value, quote, suggestion
from ddpm.errors import RequestError
from ddpm.files import read_json

Section = TypeVar("Section")


def config_from_dict(values: Mapping[str, Any]) -> Config:
    """Return the configuration of values that `Config.to_dict` wrote.

    Raises RequestError for unknown keys, wrong types, or another format version.
    """
    version = values.get("format", FORMAT_VERSION)
    if version != FORMAT_VERSION:
        raise RequestError(
            f"This configuration has format {quote(version)}, but this version of ddpm-studio reads "
            f"format {FORMAT_VERSION}; use the version that wrote it, or train again."
        )
    config = _build(Config, {k: v for k, v in values.items() if k != "format"}, "")
    check(config)
    return config


def differing_keys(one: Config, other: Config) -> list[str]:
    """Return the keys, such as `training.steps`, in which two configurations differ."""
    return [key for key in _keys(Config) if get_value(one, key) != get_value(other, key)]


def get_value(config: Config, key: str) -> Any:
    """Return the value of a key such as `training.steps`."""
    value: Any = config
    for name in key.split("."):
        value = getattr(value, name)
    return value


def with_overrides(config: Config, assignments: Iterable[str]) -> Config:
    """Return `config` with each `key.path=value` applied; values are JSON or bare words.

    Raises RequestError for an unknown key, a value of the wrong type or out of bounds, or a key without
    effect on the model family.
    """
    check_config(config)
    check_assignments(assignments)
    keys = []
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals:
            raise RequestError(
                f"--set needs key.path=value, not {quote(key)}; type --set training.steps=2000, for example."
            )
        if key.strip() == "scale":
            raise RequestError(
                "The key scale only records the size of a preset; choose a size with --scale instead."
            )
        config = _assign(config, key.strip().split("."), parse_value(text.strip()), key.strip())
        keys.append(key.strip())
    check(config)
    check_keys_used(config, keys)
    return config


def check_config(config: object) -> None:
    """Raise RequestError unless `config` is a configuration."""
    if not isinstance(config, Config):
        raise RequestError(
            "The configuration must be a Config, such as ddpm.get_preset('digits').config, not a value of "
            f"type {type(config).__name__}."
        )


def check_assignments(assignments: Iterable[str]) -> None:
    """Raise RequestError unless `assignments` is a list of texts."""
    is_list = isinstance(assignments, Iterable) and not isinstance(assignments, str | Mapping)
    if not is_list or not all(isinstance(assignment, str) for assignment in assignments):
        raise RequestError(
            f"Settings must be a list such as ['training.steps=2000'], not {quote(assignments)}."
        )


def load_config(path: Path) -> Config:
    """Return the configuration in a JSON file, UTF-8 with or without a byte order mark.

    Raises RequestError if the file cannot be read or holds no valid configuration.
    """
    try:
        values = read_json(path)
    except (OSError, ValueError) as error:
        raise RequestError(
            f"{path} is not a readable configuration ({error}); restore it from a backup, or train again "
            "with another --out."
        ) from error
    if not isinstance(values, dict):
        raise RequestError(f"{path} is not a configuration: it must hold a JSON object.")
    return config_from_dict(values)


def _unknown_key(key: str) -> RequestError:
    """Return the error for an unknown key: the most similar key, then all keys of its section."""
    names = _keys(Config)
    section = key.partition(".")[0]
    own = [name for name in names if name.startswith(f"{section}.")]
    sections = dict.fromkeys(name.partition(".")[0] for name in names)
    valid = f"{section} has {', '.join(own)}" if own else f"keys begin with {', '.join(sections)}"
    return RequestError(
        f"There is no configuration key {quote(key)}; {suggestion(key, names)}{valid}."
    )


def _assign(section: Section, path: list[str], value: Any, key: str) -> Section:
    names = [f.name for f in fields(section)]  # type: ignore[arg-type]
    name, rest = path[0], path[1:]
    if name not in names:
        raise _unknown_key(key)
    current = getattr(section, name)
    if rest and not dataclasses.is_dataclass(current):
        raise _unknown_key(key)
    if not rest and dataclasses.is_dataclass(current):
        raise RequestError(
            f"{key} is a section, not a key; set one of its keys, such as "
            f"{_keys(type(current), key + '.')[0]}."
        )
    new = (
        _assign(current, rest, value, key)
        if rest
        else coerce(value, _hints(type(section))[name], key)
    )
    return replace(section, **{name: new})  # type: ignore[type-var]


def _keys(section: Any, prefix: str = "") -> list[str]:
    """Return the full names of all keys below a section."""
    hints = _hints(section)
    keys: list[str] = []
    for f in fields(section):
        if dataclasses.is_dataclass(hints[f.name]):
            keys += _keys(hints[f.name], f"{prefix}{f.name}.")
        else:
            keys.append(prefix + f.name)
    return keys


def _hints(section: Any) -> dict[str, Any]:
    return typing.get_type_hints(section)


def _build(section: type[Section], values: Any, prefix: str) -> Section:
    if not isinstance(values, Mapping):
        raise RequestError(
            f"{prefix.rstrip('.') or 'The configuration'} must be an object of keys and values."
        )
    hints = _hints(section)
    built: dict[str, Any] = {}
    for name, value in values.items():
        if name not in hints:
            raise RequestError(
                f"{_unknown_key(f'{prefix}{name}')} If a newer ddpm-studio wrote this, update yours."
            )
        hint = hints[name]
        nested = dataclasses.is_dataclass(hint)
        built[name] = (
            _build(hint, value, f"{prefix}{name}.")
            if nested
            else coerce(value, hint, prefix + name)
        )
    return section(**built)
