"""Names become paths: the user's data folder, the cache, a download, or a sentence that helps."""

from __future__ import annotations

import gzip
import hashlib
import os
import sys
import types
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ddpm.data import catalogue
from ddpm.data.catalogue import DATASETS, cache_dir, data_dir, locate
from ddpm.data.download import Content, DownloadError
from ddpm.errors import RequestError, WorkError

MNIST_FILES = [
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
]


class Fetched:
    """Stands for `download.fetch`: writes a file and keeps what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[list[str], Path, Content]] = []

    def __call__(self, urls: Sequence[str], target: Path, content: Content) -> Path:
        self.asked.append((list(urls), target, content))
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(b"")
        return target


def never(urls: Sequence[str], target: Path, content: Content) -> Path:
    raise AssertionError("nothing may be downloaded")


def offline(urls: Sequence[str], target: Path, content: Content) -> Path:
    raise DownloadError(f"{target.name} could not be downloaded (mirror cannot be reached)")


def find(name: str, tmp_path: Path, fetch: catalogue.Fetch = never, **folders: Path | None) -> Path:
    return locate(
        name,
        data_dir=folders.get("data_dir", tmp_path / "data"),
        cache_dir=tmp_path / "cache",
        fetch=fetch,
    )


@pytest.fixture
def image_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "data" / "mnist"
    folder.mkdir(parents=True)
    (folder / "1.png").write_bytes(b"an image")
    return folder


def test_an_existing_path_is_itself(tmp_path: Path) -> None:
    folder = tmp_path / "fotos von früher"
    folder.mkdir()
    (folder / "a.zip").write_bytes(b"")
    assert find(str(folder), tmp_path) == folder
    assert find(str(folder / "a.zip"), tmp_path) == folder / "a.zip"


def test_a_known_name_is_the_set_whatever_lies_here(
    tmp_path: Path, image_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("mnist", "digits", "cats"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.png").write_bytes(b"another image")
    assert find("mnist", tmp_path) == image_folder
    assert find("mnist", tmp_path, Fetched(), data_dir=None) == tmp_path / "cache" / "mnist"
    assert find("digits", tmp_path).name == "digits.npz"
    assert find("./mnist", tmp_path) == Path("mnist")
    assert find("cats", tmp_path) == Path("cats")


def test_the_home_folder_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "cats").mkdir()
    assert find("~/cats", tmp_path) == tmp_path / "cats"


def test_the_data_folder_comes_before_a_download(tmp_path: Path, image_folder: Path) -> None:
    assert find("mnist", tmp_path) == image_folder


def test_any_folder_of_the_data_folder_has_a_name(tmp_path: Path) -> None:
    (tmp_path / "data" / "cats").mkdir(parents=True)
    (tmp_path / "data" / "cats" / "cats.zip").write_bytes(b"")
    assert find("cats", tmp_path) == tmp_path / "data" / "cats"


@pytest.mark.parametrize("hidden", [None, ".DS_Store"])
def test_an_empty_folder_in_the_data_folder_is_passed_over(
    hidden: str | None, tmp_path: Path
) -> None:
    (tmp_path / "data" / "mnist").mkdir(parents=True)
    if hidden:
        (tmp_path / "data" / "mnist" / hidden).write_bytes(b"")
    assert find("mnist", tmp_path, Fetched()) == tmp_path / "cache" / "mnist"


def test_a_name_cannot_leave_the_data_folder(tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "1.png").write_bytes(b"")
    (tmp_path / "data").mkdir()
    with pytest.raises(RequestError):
        find("../secret", tmp_path)


def test_digits_lie_in_the_package(tmp_path: Path) -> None:
    found = find("digits", tmp_path, data_dir=None)
    assert found.name == "digits.npz"
    assert found.parent == Path(catalogue.__file__).parent


def test_mnist_is_fetched_from_two_mirrors_by_content(tmp_path: Path) -> None:
    fetched = Fetched()
    assert find("mnist", tmp_path, fetched) == tmp_path / "cache" / "mnist"
    assert [target.name for _, target, _ in fetched.asked] == MNIST_FILES
    for urls, target, content in fetched.asked:
        assert target.parent == tmp_path / "cache" / "mnist"
        assert len({url.split("/")[2] for url in urls}) == 2
        assert all(url.startswith("https://") and url.endswith(target.name) for url in urls)
        # IDX: a header of 4 bytes and 4 for each dimension, then one byte an entry
        count = 60_000 if target.name.startswith("train") else 10_000
        assert content.length == (16 + count * 28 * 28 if "images" in target.name else 8 + count)
        assert len(content.sha256) == 64


def test_a_download_is_heard_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(urls: Sequence[str], target: Path, content: Content, progress: Any) -> Path:
        progress(5, 10)
        return target

    monkeypatch.setattr(catalogue, "fetch", slow)
    heard: list[tuple[int, int]] = []
    locate(
        "mnist",
        data_dir=None,
        cache_dir=tmp_path,
        progress=lambda done, total: heard.append((done, total)),
    )
    assert heard == [(5, 10)] * 4


def test_offline_mnist_says_which_files_to_put_where(tmp_path: Path) -> None:
    with pytest.raises(WorkError) as caught:
        find("mnist", tmp_path, offline)
    message = str(caught.value)
    assert "mirror cannot be reached" in message
    assert all(name in message for name in ("DDPM_DATA_DIR", "a folder named mnist", *MNIST_FILES))
    assert "\n" not in message


def test_a_full_disk_is_not_taken_for_being_offline(tmp_path: Path) -> None:
    def full(urls: Sequence[str], target: Path, content: Content) -> Path:
        raise WorkError("the cache cannot be written")

    with pytest.raises(WorkError, match=r"^the cache cannot be written$"):
        find("mnist", tmp_path, full)


def test_anime_says_in_one_sentence_where_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(RequestError) as caught:
        find("anime", tmp_path)
    message = str(caught.value)
    assert DATASETS["anime"].source in message
    assert all(
        word in message
        for word in ("--data anime-faces.zip", "--data ./anime", "$DDPM_DATA_DIR/anime/")
    )
    assert ". " not in message and "\n" not in message


def test_the_anime_zip_as_downloaded_is_taken_from_the_data_folder(tmp_path: Path) -> None:
    (tmp_path / "data" / "anime").mkdir(parents=True)
    (tmp_path / "data" / "anime" / "archive.zip").write_bytes(b"PK")
    assert find("anime", tmp_path) == tmp_path / "data" / "anime"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("mnits", "mnist"), ("MNIST", "mnist"), ("digit", "digits"), ("anmie", "anime")],
)
def test_a_mistyped_name_gets_the_nearest(typed: str, meant: str, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=f"no path .*{typed!r}: did you mean {meant}"):
        find(typed, tmp_path)


@pytest.mark.parametrize("typed", ["", "zzz", "no/such/folder"])
def test_a_name_like_no_other_gets_all_of_them(typed: str, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=f"{typed!r}: known are {', '.join(DATASETS)}"):
        find(typed, tmp_path)


class Rows:
    """The Hub copy in small: three faces twice over, two of the same bytes."""

    def __init__(self, fails_after: int | None = None) -> None:
        self.fails_after = fails_after

    def __iter__(self) -> Iterator[dict[str, Any]]:
        faces = [
            Image.new("RGB", (4, 4), "red"),
            Image.new("RGB", (4, 4), "blue"),
            Image.new("RGB", (2, 8), "red"),
        ]
        for index, image in enumerate(faces * 2):
            if index == self.fails_after:
                raise ConnectionError("the Hub went away")
            yield {"image": image, "label": 0}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> types.SimpleNamespace:
    """A stand-in for the package `datasets`."""
    hub = types.SimpleNamespace(rows=Rows(), calls=[])

    def load_dataset(name: str, *, split: str, cache_dir: str) -> Rows:
        hub.calls.append((name, split, cache_dir))
        rows: Rows = hub.rows
        return rows

    module = types.ModuleType("datasets")
    module.load_dataset = load_dataset  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "datasets", module)
    return hub


def test_the_hub_copy_is_saved_once_and_each_face_once(
    hub: types.SimpleNamespace, tmp_path: Path
) -> None:
    killed = tmp_path / "cache" / "anime-hub-killed"  # an earlier try
    killed.mkdir(parents=True)
    os.utime(killed, (0, 0))
    folder = find("anime-hub", tmp_path)
    assert folder == tmp_path / "cache" / "anime-hub" and not killed.exists()
    assert hub.calls == [("huggan/anime-faces", "train", str(tmp_path / "cache" / "hub"))]
    assert sorted(path.name for path in folder.iterdir()) == ["00000.png", "00001.png", "00002.png"]
    with Image.open(folder / "00001.png") as image:
        assert image.convert("RGB").getpixel((3, 3)) == (0, 0, 255)
    assert find("anime-hub", tmp_path) == folder
    assert len(hub.calls) == 1


def test_a_broken_transfer_from_the_hub_leaves_nothing(
    hub: types.SimpleNamespace, tmp_path: Path
) -> None:
    hub.rows = Rows(fails_after=2)
    with pytest.raises(WorkError, match=r"the Hub went away\): run the command again"):
        find("anime-hub", tmp_path)
    assert list((tmp_path / "cache").iterdir()) == []
    hub.rows = Rows()
    assert len(list(find("anime-hub", tmp_path).iterdir())) == 3


def test_another_process_that_was_quicker_wins(tmp_path: Path) -> None:
    for name in ("mine", "theirs"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).write_bytes(b"")
    catalogue._move_into_place(tmp_path / "mine", tmp_path / "theirs")
    assert [path.name for path in (tmp_path / "theirs").iterdir()] == ["theirs"]
    with pytest.raises(OSError):
        catalogue._move_into_place(tmp_path / "none", tmp_path / "nowhere")


def test_without_the_package_the_hub_copy_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)  # makes the import fail
    with pytest.raises(RequestError, match=r"pip install 'ddpm-studio\[hub\]'"):
        find("anime-hub", tmp_path)


def test_every_row_says_where_it_is_from_and_under_which_license() -> None:
    assert {"digits", "mnist", "anime"} <= set(DATASETS)
    for name, entry in DATASETS.items():
        assert name == name.lower() and Path(name).name == name
        assert entry.source.startswith("https://")
        assert all((entry.description, entry.license, entry.citation, entry.how))
        assert entry.channels in (1, 3) and entry.count > 0 and min(entry.size) > 0


@pytest.mark.parametrize(
    ("platform", "environ", "expected"),
    [
        ("linux", {}, "home/.cache/ddpm-studio"),
        ("linux", {"XDG_CACHE_HOME": "xdg"}, "xdg/ddpm-studio"),
        ("linux", {"XDG_CACHE_HOME": ""}, "home/.cache/ddpm-studio"),
        ("darwin", {"XDG_CACHE_HOME": "xdg"}, "home/Library/Caches/ddpm-studio"),
        ("win32", {"LOCALAPPDATA": "local"}, "local/ddpm-studio/Cache"),
        ("win32", {}, "home/AppData/Local/ddpm-studio/Cache"),
        ("win32", {"DDPM_CACHE_DIR": "mine", "LOCALAPPDATA": "local"}, "mine"),
        ("linux", {"DDPM_CACHE_DIR": "mine", "XDG_CACHE_HOME": "xdg"}, "mine"),
        ("linux", {"DDPM_CACHE_DIR": "~/mine"}, "home/mine"),
    ],
)
def test_the_cache_is_where_the_platform_keeps_caches(
    platform: str, environ: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "home")
    monkeypatch.setenv("USERPROFILE", "home")
    assert cache_dir(environ, platform) == Path(expected)


def test_without_a_home_folder_the_cache_has_to_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(RequestError, match="DDPM_CACHE_DIR"):
        cache_dir({}, "linux")
    assert cache_dir({"DDPM_CACHE_DIR": "~nobody-here/x"}) == Path("~nobody-here/x")


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, None),
        ({"DDPM_DATA_DIR": ""}, None),
        ({"DDPM_DATA_DIR": "sets"}, Path("sets")),
        ({"DDPM_DATA_DIR": "~nobody-here/sets"}, Path("~nobody-here/sets")),
    ],
)
def test_the_data_folder_is_the_one_named(environ: dict[str, str], expected: Path | None) -> None:
    assert data_dir(environ) == expected


@pytest.mark.real_data
@pytest.mark.skipif("DDPM_DATA_DIR" not in os.environ, reason="DDPM_DATA_DIR is not set")
def test_the_known_content_of_mnist_is_the_real_one(tmp_path: Path) -> None:
    folder = Path(os.environ["DDPM_DATA_DIR"], "mnist")
    if not folder.is_dir():
        pytest.skip("DDPM_DATA_DIR holds no mnist")
    fetched = Fetched()
    find("mnist", tmp_path, fetched)
    for _, target, content in fetched.asked:
        plain = gzip.decompress((folder / target.name).read_bytes())
        assert len(plain) == content.length
        assert hashlib.sha256(plain).hexdigest() == content.sha256
