"""The files of onnxruntime-web: checked by SHA-256, cached, and one sentence when they are missing."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from ddpm.commands.export import browser_runtime
from ddpm.commands.export.browser_runtime import FILES, MODULE, WASM, runtime_files
from ddpm.data.download import DownloadError
from ddpm.errors import RequestError

CONTENT = {MODULE: b"module", WASM: b"wasm"}


@pytest.fixture
def small_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Small stand-ins of the two files, and an empty cache."""
    for name, content in CONTENT.items():
        monkeypatch.setitem(FILES, name, hashlib.sha256(content).hexdigest())
    monkeypatch.setenv("DDPM_CACHE_DIR", str(tmp_path / "cache"))


def write(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.mark.usefixtures("small_files")
def test_given_files_are_checked(tmp_path: Path) -> None:
    write(tmp_path / "package" / "dist", CONTENT)
    assert runtime_files(tmp_path / "package") == CONTENT
    wrong = write(tmp_path / "wrong", {**CONTENT, WASM: b"another version"})
    with pytest.raises(RequestError, match="its SHA-256 differs"):
        runtime_files(wrong)
    with pytest.raises(RequestError, match=r"does not hold ort\.wasm\.bundle\.min\.mjs"):
        runtime_files(tmp_path)


@pytest.mark.usefixtures("small_files")
def test_the_package_is_fetched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    fetched = []

    def fetch(urls: tuple[str, ...], target: Path, sha256: str) -> Path:
        fetched.append(urls)
        target.parent.mkdir(parents=True)
        with tarfile.open(target, "w:gz") as archive:
            for name, content in CONTENT.items():
                member = tarfile.TarInfo(f"package/dist/{name}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        return target

    monkeypatch.setattr(browser_runtime, "download_file", fetch)
    assert runtime_files(None) == CONTENT and runtime_files(None) == CONTENT
    assert len(fetched) == 1


@pytest.mark.usefixtures("small_files")
def test_offline_is_one_sentence_with_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(urls: tuple[str, ...], target: Path, sha256: str) -> Path:
        raise DownloadError("it could not be downloaded (no network)")

    monkeypatch.setattr(browser_runtime, "download_file", fail)
    with pytest.raises(
        DownloadError, match=r"when online, or pass the folder dist .* to --runtime"
    ):
        runtime_files(None)
