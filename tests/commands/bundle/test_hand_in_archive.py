"""The reader of a hand-in's zip: from a file or from memory, and refused before anything is unpacked."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from ddpm.commands.bundle.hand_in_archive import HandInError, read_hand_in


def zipped(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def test_a_path_and_its_bytes_are_read_alike(tmp_path: Path) -> None:
    content = zipped(**{"a.txt": b"1", "source/b.py": b"2"})
    (tmp_path / "x.zip").write_bytes(content)
    expected = [("a.txt", b"1"), ("source/b.py", b"2")]
    assert read_hand_in(tmp_path / "x.zip", len(content)) == expected
    assert read_hand_in(io.BytesIO(content), len(content)) == expected


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"no zip", "is not a zip"),
        (zipped(**{"bomb.jpg": bytes(60 << 20)}), "unpacks"),
        (zipped(**{"../a": b"1"}), "names a file outside itself"),
        (zipped(**{str(i): b"" for i in range(5001)}), "holds more than 5000 files"),
    ],
)
def test_what_is_not_safe_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(HandInError, match=words):
        read_hand_in(io.BytesIO(content), len(content))
