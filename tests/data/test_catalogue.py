"""Names become paths: the user's data folder, the cache, a download, or a sentence that helps."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from ddpm.data import catalogue
from ddpm.data.catalogue import DATASETS, cache_dir, data_dir, find_offline, locate
from ddpm.data.download import DownloadError
from ddpm.errors import RequestError, WorkError

MNIST_FILES = [
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
]


class Fetched:
    """Stands for `download.download_file`: writes a file and keeps what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[list[str], Path, str]] = []

    def __call__(self, urls: Sequence[str], target: Path, sha256: str) -> Path:
        self.asked.append((list(urls), target, sha256))
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(b"")
        return target


def never(urls: Sequence[str], target: Path, sha256: str) -> Path:
    raise AssertionError("nothing may be downloaded")


def offline(urls: Sequence[str], target: Path, sha256: str) -> Path:
    raise DownloadError(f"{target.name} could not be downloaded (mirror cannot be reached)")


def find(
    name: str, tmp_path: Path, download: catalogue.Download = never, **folders: Path | None
) -> Path:
    return locate(
        name,
        data_dir=folders.get("data_dir", tmp_path / "data"),
        cache_dir=tmp_path / "cache",
        download=download,
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
    for urls, target, sha256 in fetched.asked:
        assert target.parent == tmp_path / "cache" / "mnist"
        assert len({url.split("/")[2] for url in urls}) == 2
        assert all(url.startswith("https://") and url.endswith(target.name) for url in urls)
        assert len(bytes.fromhex(sha256)) == 32


def test_offline_mnist_says_which_files_to_put_where(tmp_path: Path) -> None:
    with pytest.raises(WorkError) as caught:
        find("mnist", tmp_path, offline)
    message = str(caught.value)
    assert "mirror cannot be reached" in message
    assert all(name in message for name in ("DDPM_DATA_DIR", "a folder named mnist", *MNIST_FILES))
    assert "\n" not in message


def test_a_full_disk_is_not_taken_for_being_offline(tmp_path: Path) -> None:
    def full(urls: Sequence[str], target: Path, sha256: str) -> Path:
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
    with pytest.raises(
        RequestError, match=f"no data set or path .*{typed!r}: did you mean {meant}"
    ):
        find(typed, tmp_path)


@pytest.mark.parametrize("typed", ["", "zzz", "no/such/folder"])
def test_a_name_like_no_other_gets_all_of_them(typed: str, tmp_path: Path) -> None:
    with pytest.raises(
        RequestError, match=f"{typed!r}: the named data sets are {', '.join(DATASETS)}"
    ):
        find(typed, tmp_path)


def test_anime_hub_is_the_set_at_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, Path]] = []

    def fetch_set(name: str, cache_dir: Path, progress: object) -> Path:
        calls.append((name, cache_dir))
        return catalogue.hub.shard_folder(name, cache_dir)

    monkeypatch.setattr(catalogue.hub, "fetch_from_hub", fetch_set)
    folder = tmp_path / "cache" / "hub-shards" / "huggan" / "anime-faces"
    assert find("anime-hub", tmp_path) == folder
    assert calls == [("hf:huggan/anime-faces", tmp_path / "cache")]
    folder.mkdir(parents=True)
    assert find("anime-hub", tmp_path) == find("hf:huggan/anime-faces", tmp_path) == folder
    assert len(calls) == 1


def test_anime_hub_as_an_earlier_version_downloaded_it_is_still_used(tmp_path: Path) -> None:
    (tmp_path / "cache" / "anime-hub").mkdir(parents=True)
    assert find("anime-hub", tmp_path) == tmp_path / "cache" / "anime-hub"


def test_without_the_package_the_hub_copy_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)  # makes the import fail
    with pytest.raises(RequestError, match=r"pip install 'ddpm-studio\[hub\]'"):
        find("anime-hub", tmp_path)


def test_paths_own_sets_and_the_digits_are_available_offline(tmp_path: Path) -> None:
    own = tmp_path / "own"
    (own / "mnist").mkdir(parents=True)
    (own / "mnist" / "a.png").write_bytes(b"")
    cache = tmp_path / "cache"
    assert find_offline(str(own), data_dir=None, cache_dir=cache) == own
    assert find_offline("mnist", data_dir=own, cache_dir=cache) == own / "mnist"
    found = find_offline("digits", data_dir=None, cache_dir=cache)
    assert found is not None and found.is_file()


def test_an_earlier_download_is_available_offline_if_it_is_whole(tmp_path: Path) -> None:
    folder = tmp_path / "mnist"
    folder.mkdir()
    assert find_offline("mnist", data_dir=None, cache_dir=tmp_path) is None
    for name in catalogue._MNIST_FILES:
        (folder / name).write_bytes(b"")
    assert find_offline("mnist", data_dir=None, cache_dir=tmp_path) == folder
    (folder / next(iter(catalogue._MNIST_FILES))).unlink()
    assert find_offline("mnist", data_dir=None, cache_dir=tmp_path) is None


@pytest.mark.parametrize(
    "name", [*(name for name in DATASETS if name != "digits"), "hf:someone/cats", "unheard-of"]
)
def test_nothing_is_downloaded_to_look_for_a_set(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> Path:
        raise AssertionError("the network was asked")

    monkeypatch.setattr("torch.hub.download_url_to_file", refuse)
    monkeypatch.setattr(catalogue.hub, "fetch_from_hub", refuse)
    assert find_offline(name, data_dir=None, cache_dir=tmp_path) is None


def test_every_row_says_where_it_is_from_and_under_which_license() -> None:
    assert {"digits", "mnist", "anime"} <= set(DATASETS)
    for name, entry in DATASETS.items():
        assert name == name.lower() and Path(name).name == name
        assert entry.source.startswith("https://")
        assert all((entry.description, entry.license, entry.citation, entry.access))
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
