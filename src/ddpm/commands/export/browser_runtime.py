"""The two files of onnxruntime-web that a page runs on: fetched once from npm, or given by path."""

from __future__ import annotations

import hashlib
import tarfile
from pathlib import Path

from ddpm.data.catalogue import cache_dir
from ddpm.data.download import DownloadError, download_file
from ddpm.errors import RequestError
from ddpm.files import atomic_file

VERSION = "1.30.0"
PACKAGE = f"onnxruntime-web-{VERSION}.tgz"  # MIT license, 33 MB
PACKAGE_SHA256 = "d2228df7e4616bc3348bf504ee888f3bec43789a273f0a63f3e68d203ce3bf71"
URLS = (f"https://registry.npmjs.org/onnxruntime-web/-/{PACKAGE}",)
MODULE, WASM = "ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"
FILES = {  # name → SHA-256
    MODULE: "11e64bd8ffe11bd1a2a2f0d6275fdfbbba7262f0b76b99b53d228a8a22ef3d90",
    WASM: "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
}


def runtime_files(given: Path | None) -> dict[str, bytes]:
    """Return the files of the runtime by name: from the folder `given`, the cache, or npm.

    RequestError: a given file is missing or another version. DownloadError: offline, with the fix.
    """
    folder = _download() if given is None else _package_folder(given)
    return {name: _verified(folder / name) for name in FILES}


def _package_folder(given: Path) -> Path:
    """Return the folder with the files: `given` itself, or its dist/ or node_modules/…/dist/."""
    places = (given, given / "dist", given / "node_modules" / "onnxruntime-web" / "dist")
    for place in places:
        if all((place / name).is_file() for name in FILES):
            return place
    raise RequestError(
        f"{given} does not hold {MODULE} and {WASM}. Pass the folder dist of the npm package "
        f"onnxruntime-web {VERSION} to --runtime."
    )


def _verified(path: Path) -> bytes:
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != FILES[path.name]:
        raise RequestError(
            f"{path} is not that of onnxruntime-web {VERSION}: its SHA-256 differs. Pass that version to "
            "--runtime, or leave the option out."
        )
    return content


def _download() -> Path:
    """Return the folder of the cache with the files, after a download the first time."""
    folder = cache_dir() / "onnxruntime-web" / VERSION
    if all((folder / name).is_file() for name in FILES):
        return folder
    package = folder / PACKAGE
    try:
        download_file(URLS, package, PACKAGE_SHA256)
    except DownloadError as error:
        raise DownloadError(
            f"{error}. A page needs onnxruntime-web {VERSION}: run the command once when online, or pass "
            "the folder dist of that npm package to --runtime."
        ) from error
    with tarfile.open(package) as archive:
        for name in FILES:
            member = archive.extractfile(f"package/dist/{name}")
            assert member is not None  # the checksum of the package is known
            with atomic_file(folder / name) as temporary:
                temporary.write_bytes(member.read())
    package.unlink()
    return folder
