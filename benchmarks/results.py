"""Results as JSON files and as tables. Standard library only."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from benchmarks.machine import ROOT, Result

RESULTS = ROOT / "runs" / "benchmarks"


def write(path: Path, result: Result) -> None:
    """Write the result as JSON, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".tmp-{path.name}")
    temporary.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    temporary.replace(path)


def read(path: Path) -> Result:
    """Read a result that `write` wrote. SystemExit if there is none."""
    if not path.is_file():
        raise SystemExit(f"{path} is missing; run the same command without --markdown first.")
    found: Result = json.loads(path.read_text("utf-8"))
    return found


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table: the first column left-aligned, the others right-aligned."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in [list(header), rule, *map(list, rows)])
