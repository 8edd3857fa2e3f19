"""Sets at the Hub, with a stand-in for the package `datasets`: streamed once, kept, gone on with."""

from __future__ import annotations

import errno
import io
import itertools
import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ddpm.data import hub
from ddpm.data.catalogue import find_offline, is_dataset_name, locate
from ddpm.data.dataset import prepare_dataset
from ddpm.data.source_detection import open_source
from ddpm.errors import RequestError, WorkError
from ddpm.files import remove_temporary_files

NAME = "hf:someone/cats"


def face(index: int, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(index).integers(0, 256, (4, 4, 3), np.uint8)
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


@dataclass(frozen=True)
class Stream:
    """As an IterableDataset: rows {picture, kind} whose pictures are Pillow's unless decoding is off."""

    files: tuple[bytes | None, ...]
    features: dict[str, Any] | None = field(
        default_factory=lambda: {
            "picture": types.SimpleNamespace(decode=True),
            "kind": types.SimpleNamespace(names=["cat", "dog"]),
        }
    )
    decoded: bool = True
    first: int = 0
    breaks_at: int = -1
    keeps_bytes: bool = True
    info: Any = None
    read: list[int] = field(default_factory=list)

    def decode(self, on: bool) -> Stream:
        assert self.features is not None
        return replace(self, decoded=on)

    def skip(self, count: int) -> Stream:
        return replace(self, first=count)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for index, data in itertools.islice(enumerate(self.files), self.first, None):
            if index == self.breaks_at:
                raise ConnectionError("the Hub went away\nand more")
            self.read.append(index)
            picture: Any = {"bytes": data if self.keeps_bytes else None, "path": "x.png"}
            if self.decoded and self.features is not None:
                picture = None if data is None else Image.open(io.BytesIO(data))
            yield {"id": index, "picture": picture, "kind": index % 2}


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> types.SimpleNamespace:
    state = types.SimpleNamespace(stream=Stream(tuple(map(face, range(7)))), calls=[])

    def load_dataset(name: str, *, split: str, streaming: bool) -> Stream:
        state.calls.append((name, split, streaming))
        stream: Stream = state.stream
        return stream

    module = types.ModuleType("datasets")
    module.load_dataset = load_dataset  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "datasets", module)
    monkeypatch.setattr(hub, "_SHARD", 3)
    return state


def find(tmp_path: Path, **options: Any) -> Path:
    return locate(NAME, data_dir=None, cache_dir=tmp_path / "cache", **options)


def test_a_set_is_streamed_once_into_shards_that_train_without_network(
    stand_in: Any, tmp_path: Path
) -> None:
    folder = find(tmp_path)
    assert [path.name for path in sorted(folder.iterdir())] == [f"{i:06d}.tar" for i in range(3)]
    assert stand_in.calls == [("someone/cats", "train", True)]
    source = open_source(folder)
    assert [source.load(i) for i in range(7)] == list(
        stand_in.stream.files
    )  # the files as they are
    assert source.class_names == ("cat", "dog")
    assert source.labels is not None and source.labels.tolist() == [0, 1, 0, 1, 0, 1, 0]
    assert find(tmp_path) == folder and len(stand_in.calls) == 1
    dataset = prepare_dataset(folder, cache_dir=tmp_path / "cache")
    assert dataset.name == "cats" and dataset.images.shape == (7, 3, 4, 4)


def test_a_broken_stream_keeps_whole_shards_and_goes_on_after_them(
    stand_in: Any, tmp_path: Path
) -> None:
    whole = tuple(stand_in.stream.files)
    stand_in.stream = Stream(whole, breaks_at=5)
    with pytest.raises(
        WorkError, match=r"\(the Hub went away\)\. Run the command again when online"
    ):
        find(tmp_path)
    assert find_offline(NAME, data_dir=None, cache_dir=tmp_path / "cache") is None
    stand_in.stream = Stream(whole)
    source = open_source(find(tmp_path))
    assert stand_in.stream.read == [0, 3, 4, 5, 6]  # a look at the first row, then the rest
    assert [source.load(i) for i in range(7)] == list(whole)


@pytest.mark.parametrize("count", [3, 6])
def test_a_stream_that_ends_with_a_shard_is_whole(
    stand_in: Any, tmp_path: Path, count: int
) -> None:
    stand_in.stream = Stream(tuple(map(face, range(count))))
    assert len(open_source(find(tmp_path))) == count


def test_one_that_was_killed_before_the_last_rename_is_finished(
    stand_in: Any, tmp_path: Path
) -> None:
    folder = find(tmp_path)
    folder.rename(folder.with_name(".cats.part"))
    (folder.with_name(".cats.part") / ".tmp-left").write_bytes(b"half")
    assert len(open_source(find(tmp_path))) == 7
    assert not list(folder.glob(".tmp-*"))


@pytest.mark.parametrize("row", [4, 7])  # in the midst, and when all has arrived
def test_where_another_process_was_quicker_its_set_is_taken(
    stand_in: Any, tmp_path: Path, row: int
) -> None:
    folder = hub.shard_folder(NAME, tmp_path / "cache")
    part = folder.with_name(".cats.part")

    def finish_first(done: int, total: int) -> None:
        if done == row:
            remove_temporary_files(part)
            part.rename(folder)

    assert find(tmp_path, progress=finish_first) == folder
    assert not part.exists() and {path.suffix for path in folder.iterdir()} == {".tar"}


def test_a_shard_that_a_killed_process_was_writing_is_no_shard(
    stand_in: Any, tmp_path: Path
) -> None:
    part = hub.shard_folder(NAME, tmp_path / "cache").with_name(".cats.part")
    part.mkdir(parents=True)
    (part / ".tmp-left.tar").write_bytes(b"half")  # the name that `atomic_file` uses
    source = open_source(find(tmp_path))
    assert [source.load(i) for i in range(len(source))] == list(stand_in.stream.files)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "Free some disk space"),
        (
            ValueError("Bad split: train"),
            r"\(Bad split: train\)\. Check its page on huggingface.co",
        ),
        (FileNotFoundError("Dataset 'x' doesn't exist"), "Check its page on huggingface.co"),
        (TimeoutError("no answer"), "Run the command again when online"),
    ],
)
def test_what_went_wrong_decides_what_to_do(
    stand_in: Any, tmp_path: Path, error: Exception, words: str
) -> None:
    class Broken(Stream):
        def __iter__(self) -> Iterator[dict[str, Any]]:
            raise error

    stand_in.stream = Broken(stand_in.stream.files)
    with pytest.raises(WorkError, match=words):
        find(tmp_path)


def test_the_same_rows_make_the_same_bytes(stand_in: Any, tmp_path: Path) -> None:
    one, other = find(tmp_path / "one"), find(tmp_path / "other")
    assert [p.read_bytes() for p in sorted(one.iterdir())] == [
        p.read_bytes() for p in sorted(other.iterdir())
    ]


@pytest.mark.parametrize("features", [True, False])
def test_images_without_a_file_are_saved_as_png_or_told_of(
    stand_in: Any, tmp_path: Path, features: bool
) -> None:
    """The Hub gives a path alone where images are files of its repository."""
    stream = replace(stand_in.stream, keeps_bytes=False)
    stand_in.stream = stream if features else replace(stream, features=None)
    source = open_source(find(tmp_path))
    if not features:
        assert {source.load(i) for i in range(7)} == {b""}
        return
    for index in range(7):
        with Image.open(io.BytesIO(source.load(index))) as image:  # type: ignore[arg-type]
            assert image.tobytes() == Image.open(io.BytesIO(face(index))).tobytes()


def test_a_row_without_its_image_is_counted_as_broken(stand_in: Any, tmp_path: Path) -> None:
    files = (face(0), None, face(2), b"no image", face(4, "JPEG"))
    stand_in.stream = Stream(files)
    report = prepare_dataset(find(tmp_path), cache_dir=tmp_path / "cache").report
    assert report["used"] == 3 and report["broken"] == 2
    assert {row["reason"] for row in report["broken_files"]} == {"is empty", "is not an image"}


def test_a_set_without_images_is_refused(stand_in: Any, tmp_path: Path) -> None:
    texts = type("Texts", (list,), {"features": None})
    stand_in.stream = texts([{"text": "a", "label": 1}])
    with pytest.raises(RequestError, match=r"no images in its first row \(columns: text, label\)"):
        find(tmp_path)


def test_progress_is_said_row_by_row_with_the_hubs_count(stand_in: Any, tmp_path: Path) -> None:
    said: list[tuple[int, int]] = []
    count = types.SimpleNamespace(num_examples=7)
    stand_in.stream = replace(stand_in.stream, info=types.SimpleNamespace(splits={"train": count}))
    find(tmp_path, progress=lambda done, total: said.append((done, total)))
    assert said == [(done, 7) for done in range(1, 8)]


def test_without_the_package_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)  # makes the import fail
    with pytest.raises(RequestError, match=r"Run pip install 'ddpm-studio\[hub\]'"):
        find(tmp_path)
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("text", "known"),
    [
        (NAME, True),
        ("hf:a.b/c-d_e", True),
        ("digits", True),
        ("hf:cats", False),
        ("hf:../cats", False),
        ("hf:a/..", False),
        ("hf:a/.", False),
        ("hf:./cats", False),
        ("hf:a/b/c", False),
        ("someone/cats", False),
    ],
)
def test_only_owner_and_name_are_a_name(text: str, known: bool) -> None:
    assert is_dataset_name(text) == known
