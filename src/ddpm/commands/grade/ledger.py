"""The ledger of hashes: what later classes are compared with, without keeping anybody's work."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ddpm.commands.grade.resemblances import weights_of
from ddpm.errors import RequestError
from ddpm.files import parse_json, write_text

FORMAT = 1
_PICTURE_KEYS = ("pixels", "cells", "weights")
Row = dict[str, Any]


def read_ledger(path: Path) -> list[Row]:
    """Return the rows of a ledger, none if there is no such file; RequestError if it is something else."""
    if not path.exists():
        return []
    try:
        rows = [
            parse_json(line) for line in path.read_text("utf-8-sig").splitlines() if line.strip()
        ]
        if not all(row["format"] == FORMAT and row["name"] and "term" in row for row in rows):
            raise ValueError("a row is of another kind")
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise RequestError(
            f"{path} is not a ledger of ddpm grade ({error}); name another file with --ledger."
        ) from error
    return rows


def ledger_row(record: Mapping[str, Any], term: str) -> Row:
    """Return the row of a hand-in: hashes and fingerprints alone, and no picture, code or weights."""
    pictures = {
        name: {key: row[key] for key in _PICTURE_KEYS if row.get(key)}
        for name, row in record.get("pictures", {}).items()
    }
    return {
        "format": FORMAT,
        "term": term,
        "name": f"{record['name']} ({term})",
        "key": record["key"],
        "pictures": pictures,
        "weights": [{"hash": value} for value in sorted(weights_of(record))],
        "code": {"hashes": record.get("code", {}).get("hashes", {})},
    }


def write_ledger(path: Path, rows: Sequence[Row], own: Iterable[Row], term: str) -> None:
    """Write the ledger with the rows of this class in place of earlier ones of the same term."""
    kept = [row for row in rows if row["term"] != term]
    lines = [json.dumps(row, sort_keys=True) for row in (*kept, *own)]
    write_text(path, "".join(f"{line}\n" for line in lines))
