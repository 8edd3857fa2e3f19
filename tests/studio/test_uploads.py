"""Uploads: zips of images, checked before they are kept."""

from __future__ import annotations

import io
import zipfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from ddpm.errors import RequestError
from ddpm.studio.refusals import RefusalError
from ddpm.studio.uploads import Uploads
from tests.studio.asgi import run


def zip_of(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()


async def parts_of(content: bytes, error: Exception | None = None) -> AsyncIterator[bytes]:
    for start in range(0, len(content), 1000):
        yield content[start : start + 1000]
    if error is not None:
        raise error


def files_of(runs: Path) -> list[str]:
    return sorted(path.name for path in (runs / ".studio" / "uploads").iterdir())


def test_a_zip_of_images_is_kept_by_its_content(
    runs: Path, pictures: Callable[..., list[bytes]]
) -> None:
    uploads = Uploads(runs, 10**6)
    content = zip_of({f"{'ab'[i % 2]}/{i}.png": png for i, png in enumerate(pictures(4))})
    found = run(uploads.receive(parts_of(content)))
    assert (found["images"], found["classes"]) == (4, ["a", "b"])
    assert uploads.path(found["id"]).read_bytes() == content
    assert run(uploads.receive(parts_of(content)))["id"] == found["id"]
    assert files_of(runs) == [f"{found['id']}.zip"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "no zip"),
        (b"\x89PNG\r\n\x1a\n", "no zip"),
        (b"PK\x03\x04 and nothing more", "The zip is damaged"),
        (zip_of({"notes.txt": b"x"}), "no images"),
        (zip_of({"../../out.png": b"x"}), "The zip contains an unsafe path"),
        (zip_of({"/etc/x.png": b"x"}), "The zip contains an unsafe path"),
    ],
)
def test_anything_else_is_a_sentence_and_leaves_nothing(
    content: bytes, sentence: str, runs: Path
) -> None:
    with pytest.raises(RequestError, match=sentence) as error:
        run(Uploads(runs, 10**6).receive(parts_of(content)))
    assert str(runs) not in str(error.value)
    assert files_of(runs) == []


def test_an_upload_that_breaks_off_leaves_nothing(runs: Path) -> None:
    with pytest.raises(RefusalError, match="gone"):
        run(Uploads(runs, 10**6).receive(parts_of(b"PK", RefusalError(400, "gone"))))
    assert files_of(runs) == []


def test_uploads_have_a_limit_together(runs: Path, pictures: Callable[..., list[bytes]]) -> None:
    first, second = (zip_of({"a.png": pictures(1, seed=seed)[0]}) for seed in (1, 2))
    uploads = Uploads(runs, len(first) + len(second) - 1)
    run(uploads.receive(parts_of(first)))
    with pytest.raises(RefusalError) as error:
        run(uploads.receive(parts_of(second)))
    assert error.value.status == 413 and len(files_of(runs)) == 1


@pytest.mark.parametrize("id", ["", "..", "../x", "0" * 16, "A" * 16, "/etc/passwd"])
def test_an_unknown_upload_is_a_sentence(id: str, runs: Path) -> None:
    with pytest.raises(RefusalError):
        Uploads(runs, 1).path(id)
