"""The decoded cache: whole or absent, reused, rebuilt, safe with two writers."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ddpm.data import cache as module
from ddpm.data import mapped_array
from ddpm.data.cache import DecodedImages, decoded_images
from ddpm.data.decoded_rows import Transform
from ddpm.data.decoding import decode
from ddpm.data.image_source import ImageSource
from ddpm.data.source_detection import open_source
from ddpm.data.survey import survey_source
from ddpm.errors import RequestError, WorkError
from ddpm.locking import exclusive_lock

SMALL = Transform((6, 7), 3)


@pytest.fixture
def source(tmp_path: Path, write_folder: Any, pictures: Any) -> ImageSource:
    """Seven pictures, of which 2.png is broken and 6.png equals 1.png."""
    good = pictures(6, (9, 11), 3)
    files = {f"{i}.png": good[i] for i in (0, 1, 3, 4, 5)}
    files |= {"2.png": good[2][:-60], "6.png": good[1]}
    return open_source(write_folder(tmp_path / "set", files))


@pytest.fixture
def fill(source: ImageSource, tmp_path: Path) -> Callable[..., DecodedImages]:
    content = survey_source(source, tmp_path / "cache").content_hash

    def run(
        transform: Transform = SMALL, source: ImageSource = source, **options: Any
    ) -> DecodedImages:
        return decoded_images(source, content, transform, tmp_path / "cache", **options)

    return run


def folders(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "cache" / "decoded").iterdir())


def failing(index: int) -> bytes:
    raise AssertionError(f"item {index} was decoded again")


def test_the_rows_are_the_decoded_images_in_order(fill: Any, source: ImageSource) -> None:
    found = fill()
    assert found.items.tolist() == [0, 1, 3, 4, 5, 6] and isinstance(found.images, np.memmap)
    for row, item in enumerate(found.items):
        assert np.array_equal(found.images[row], decode(source.load(int(item)), (6, 7), 3))
    ((name, reason),) = found.broken
    assert name == "2.png" and "cannot be decoded" in reason
    assert not found.images.flags.writeable


def test_hashes_and_sums_belong_to_their_rows(fill: Any) -> None:
    found = fill()
    pixels = found.images.astype(np.int64)
    assert np.array_equal(found.sums[:, :, 0], pixels.sum((2, 3)))
    assert np.array_equal(found.sums[:, :, 1], (pixels**2).sum((2, 3)))
    assert (
        found.pixel_hashes[1] == found.pixel_hashes[5]
        and found.file_hashes[1] == found.file_hashes[5]
    )
    assert len(set(found.pixel_hashes.tolist())) == len(set(found.file_hashes.tolist())) == 5


def test_the_second_time_nothing_is_read(fill: Any, source: ImageSource) -> None:
    first = fill()
    again = fill(source=dataclasses.replace(source, load=failing))
    for name in ("images", "items", "file_hashes", "pixel_hashes", "sums"):
        assert np.array_equal(getattr(first, name), getattr(again, name))
    assert first.broken == again.broken


def test_each_transform_has_a_folder_and_anyone_can_open_the_array(
    fill: Any, tmp_path: Path
) -> None:
    for transform in (SMALL, Transform((6, 7), 1), Transform((7, 6), 3)):
        found = fill(transform)
        assert found.images.shape == (6, transform.channels, *transform.size)
    assert len(folders(tmp_path)) == 3
    shapes = {np.load(folder / "images.npy").shape for folder in folders(tmp_path)}
    assert shapes == {(6, 3, 6, 7), (6, 1, 6, 7), (6, 3, 7, 6)}


def test_a_cache_of_an_older_version_is_used_as_it_is(
    fill: Any, source: ImageSource, tmp_path: Path
) -> None:
    """It kept its rows in an .npz."""
    new = fill()
    (folder,) = folders(tmp_path)
    names = ("items", "file_hashes", "pixel_hashes", "sums")
    np.savez(folder / "rows.npz", **{name: getattr(new, name) for name in names})
    (folder / "rows.npy").unlink()
    old = fill(source=dataclasses.replace(source, load=failing))
    assert np.array_equal(old.images, new.images) and old.broken == new.broken
    for name in names:
        assert np.array_equal(getattr(old, name), getattr(new, name))


def test_a_damaged_cache_of_an_older_version_is_built_again(
    fill: Any, source: ImageSource, tmp_path: Path
) -> None:
    new = fill()
    (folder,) = folders(tmp_path)
    np.savez(folder / "rows.npz", items=new.items)
    (folder / "rows.npy").unlink()
    data = bytearray((folder / "rows.npz").read_bytes())
    data[data.index(b"PK\1\2") + 10] = 99  # a way of packing that nobody knows
    (folder / "rows.npz").write_bytes(data)
    with pytest.raises(AssertionError, match="decoded again"):
        fill(source=dataclasses.replace(source, load=failing))
    assert np.array_equal(fill().images, new.images)


def test_a_cache_in_several_files_is_the_same_set(
    fill: Any, source: ImageSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = np.array(fill().images)
    shutil.rmtree(tmp_path / "cache" / "decoded")
    monkeypatch.setattr(mapped_array, "MAX_FILE_BYTES", 2 * whole[0].nbytes)
    found = fill()
    (folder,) = folders(tmp_path)
    names = {path.name for path in folder.iterdir()}
    assert names == {"images.npy", "images-1.npy", "images-2.npy", "rows.npy", "index.json"}
    assert np.array_equal(found.images[np.arange(6)], whole) and found.images.shape == whole.shape
    (folder / "images-1.npy").unlink()
    with pytest.raises(AssertionError, match="decoded again"):
        fill(source=dataclasses.replace(source, load=failing))
    assert np.array_equal(fill().images[np.arange(6)], whole)


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        *((file, "cut") for file in ("images.npy", "rows.npy", "index.json")),
        *((file, "empty") for file in ("images.npy", "rows.npy", "index.json")),
        *((file, "gone") for file in ("images.npy", "rows.npy", "index.json")),
        *((file, "longer") for file in ("images.npy", "rows.npy", "index.json")),
        ("images.npy", "signed"),
    ],
)
def test_a_damaged_folder_is_built_again(
    fill: Any, source: ImageSource, tmp_path: Path, file: str, damage: str
) -> None:
    expected = np.array(fill().images)
    (folder,) = folders(tmp_path)
    path = folder / file
    data = path.read_bytes()
    path.unlink()
    if damage != "gone":
        damaged = {
            "cut": data[: len(data) // 2],
            "empty": b"",
            "longer": data + b"x",
            "signed": data.replace(b"|u1", b"|i1"),
        }
        path.write_bytes(damaged[damage])
    with pytest.raises(AssertionError, match="decoded again"):
        fill(source=dataclasses.replace(source, load=failing))
    assert np.array_equal(fill().images, expected)
    assert folders(tmp_path) == [folder]  # nothing is left lying about


def test_a_killed_writer_leaves_nothing_that_is_taken_for_a_cache(
    fill: Any, source: ImageSource, tmp_path: Path
) -> None:
    def killed(index: int) -> Any:
        if index == 4:
            raise KeyboardInterrupt
        return source.load(index)

    with pytest.raises(KeyboardInterrupt):
        fill(source=dataclasses.replace(source, load=killed))
    assert folders(tmp_path) == []
    half = tmp_path / "cache" / "decoded" / ".tmp-half"  # as SIGKILL leaves it
    half.mkdir()
    (half / "images.npy").write_bytes(b"half")
    assert len(fill().images) == 6 and half.exists()  # perhaps another process is still at it
    os.utime(half, (0, 0))
    fill(Transform((3, 3), 1))
    assert not half.exists()


def test_a_dead_writers_folder_goes_after_a_minute(fill: Any, tmp_path: Path) -> None:
    """Its lock says that nobody is at it; without one a day has to pass."""
    ago = time.time() - 90
    left = {
        name: tmp_path / "cache" / "decoded" / f".tmp-{name}" for name in ("dead", "new", "old")
    }
    for name, folder in left.items():
        folder.mkdir(parents=True)
        if name != "old":
            (folder / "lock").touch()
        if name != "new":
            os.utime(folder, (ago, ago))
    with exclusive_lock(tmp_path / "cache" / "decoded" / ".tmp-alive" / "lock", "it"):
        os.utime(tmp_path / "cache" / "decoded" / ".tmp-alive", (ago, ago))
        fill()
        assert not left["dead"].exists()
        kept = {folder.name for folder in folders(tmp_path) if folder.name.startswith(".tmp-")}
        assert kept == {".tmp-new", ".tmp-old", ".tmp-alive"}


def test_the_quicker_of_two_writers_wins(fill: Any, source: ImageSource, tmp_path: Path) -> None:
    """While one process decodes its last image another one finishes the same folder."""
    finished: list[DecodedImages] = []

    def late(index: int) -> Any:
        if index == 6 and not finished:
            finished.append(fill())
        return source.load(index)

    found = fill(source=dataclasses.replace(source, load=late))
    assert len(folders(tmp_path)) == 1
    assert np.array_equal(found.images, finished[0].images)


def test_what_another_process_has_just_finished_is_not_put_aside(
    fill: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have looked already, and be about to open the folder."""
    replace, finished = os.replace, list[int]()

    def late(here: Path, there: Path) -> None:
        if not finished:
            finished.append(0)
            fill()
            finished[:] = [folder.stat().st_ino for folder in folders(tmp_path) if folder != here]
        replace(here, there)

    monkeypatch.setattr(os, "replace", late)
    fill()
    (folder,) = folders(tmp_path)
    assert finished == [folder.stat().st_ino]


def test_a_folder_that_vanished_before_it_was_opened_is_made_once_more(
    fill: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish, times = module._publish, list[Path]()

    def snatched(temporary: Path, folder: Path) -> None:
        publish(temporary, folder)
        times.append(folder)
        if len(times) == 1:
            shutil.rmtree(folder)

    monkeypatch.setattr(module, "_publish", snatched)
    assert len(fill().images) == 6 and len(times) == 2


_PREPARE = """
import hashlib, sys
from pathlib import Path
from ddpm.data.dataset import Preparation, prepare_dataset
print("ready", flush=True)
sys.stdin.readline()
dataset = prepare_dataset(Path(sys.argv[1]), Preparation(size=6), cache_dir=Path(sys.argv[2]))
print(len(dataset.images), hashlib.sha256(dataset.images.tobytes()).hexdigest())
"""


def test_two_processes_may_prepare_at_once(
    tmp_path: Path, write_folder: Any, pictures: Any
) -> None:
    root = write_folder(tmp_path / "s", {f"{i}.png": p for i, p in enumerate(pictures(200))})
    command = [sys.executable, "-c", _PREPARE, str(root), str(tmp_path / "cache")]
    started = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    try:
        for process in started:
            assert process.stdout is not None and process.stdout.readline() == "ready\n"
        for process in started:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        printed = [process.communicate(timeout=120)[0] for process in started]
    finally:
        for process in started:
            process.kill()
            process.wait()
    assert printed[0] == printed[1] and printed[0].startswith("200 ")
    assert len(folders(tmp_path)) == 1


def test_a_set_that_changes_meanwhile_is_not_kept_under_the_old_name(
    fill: Any, source: ImageSource, tmp_path: Path, pictures: Any
) -> None:
    (other,) = pictures(1, (9, 11), 3, seed=5)
    changed = dataclasses.replace(source, load=lambda i: other if i == 3 else source.load(i))
    with pytest.raises(WorkError, match=r"changed while they were read\. Run the command again"):
        fill(source=changed)
    assert folders(tmp_path) == []


def test_where_every_picture_breaks_in_decoding_nothing_is_kept(
    tmp_path: Path, write_folder: Any, pictures: Any
) -> None:
    files = {f"{i}.png": p[:-40] for i, p in enumerate(pictures(3, (40, 40)))}
    source = open_source(write_folder(tmp_path / "set", files))
    content = survey_source(source, tmp_path / "cache").content_hash
    with pytest.raises(RequestError, match="None of the 3 images in set can be used"):
        decoded_images(source, content, SMALL, tmp_path / "cache")
    assert folders(tmp_path) == []


def test_a_full_disk_is_said_in_a_sentence(
    fill: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "write_rows", full)
    with pytest.raises(
        WorkError, match=r"cannot be written .No space left on device.*Free some disk space"
    ):
        fill()
    assert folders(tmp_path) == []


def test_progress_counts_every_item_once(fill: Any) -> None:
    seen: list[tuple[int, int]] = []
    fill(progress=lambda done, total: seen.append((done, total)))
    assert seen == [(7, 7)]
