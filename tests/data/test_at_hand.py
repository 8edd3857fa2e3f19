"""Images at hand: found where nothing has to be fetched, and never fetched."""

from __future__ import annotations

from pathlib import Path

import pytest

from ddpm.data import catalogue, download
from ddpm.data.catalogue import DATASETS, find_offline


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **named: object) -> Path:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(catalogue, "fetch", refuse)
    monkeypatch.setattr(download, "_fetch_from", refuse)


def test_paths_the_users_own_sets_and_the_digits_are_at_hand(tmp_path: Path) -> None:
    own = tmp_path / "own"
    (own / "mnist").mkdir(parents=True)
    (own / "mnist" / "a.png").write_bytes(b"")
    cache = tmp_path / "cache"
    assert find_offline(str(own), data_dir=None, cache_dir=cache) == own
    assert find_offline("mnist", data_dir=own, cache_dir=cache) == own / "mnist"
    found = find_offline("digits", data_dir=None, cache_dir=cache)
    assert found is not None and found.is_file()


def test_what_was_downloaded_before_is_at_hand_and_only_whole(tmp_path: Path) -> None:
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
def test_what_would_have_to_be_fetched_is_not(name: str, tmp_path: Path) -> None:
    assert find_offline(name, data_dir=None, cache_dir=tmp_path) is None
