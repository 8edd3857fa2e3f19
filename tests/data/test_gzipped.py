"""Files that may be gzipped, whatever they are called."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from ddpm.data.gzipped import open_gzipped


@pytest.mark.parametrize("name", ["a.gz", "a"])
@pytest.mark.parametrize("data", [b"", b"plain text", b"\x1f"])
def test_the_content_is_the_unpacked_one(name: str, data: bytes, tmp_path: Path) -> None:
    for stored in (data, gzip.compress(data)):
        (tmp_path / name).write_bytes(stored)
        with open_gzipped(tmp_path / name) as file:
            assert file.read() == data
