"""Files that may be gzipped."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import BinaryIO, cast


def open_gzipped(path: Path) -> BinaryIO:
    """Open a file for reading bytes, unpacked if its first bytes are those of gzip."""
    with path.open("rb") as file:
        is_gzipped = file.read(2) == b"\x1f\x8b"
    return cast(BinaryIO, gzip.open(path, "rb")) if is_gzipped else path.open("rb")
