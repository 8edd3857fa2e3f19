"""Lines of the product's source, found by a fragment of their text."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parents[2]


def source_line(function: Callable[..., Any], fragment: str) -> dict[str, Any]:
    """Return file, line number and text of the first line of `function` that contains `fragment`.

    LookupError if no line contains it.
    """
    lines, first = inspect.getsourcelines(function)
    path = Path(inspect.getsourcefile(function) or "").relative_to(PACKAGE)
    for number, line in enumerate(lines, first):
        if fragment in line:
            return {"file": path.as_posix(), "line": number, "code": line.strip()}
    raise LookupError(f"no line of {function.__name__} contains {fragment!r}")
