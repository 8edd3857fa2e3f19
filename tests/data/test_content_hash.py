"""The content hash of a data set: names, bytes and labels, wherever it is stored."""

from __future__ import annotations

import hashlib

import numpy as np

from ddpm.data.content_hash import DatasetHash, item_hash
from ddpm.data.image_source import ImageSource


def source(
    names: tuple[str, ...], labels: list[int] | None = None, place: str = "a"
) -> ImageSource:
    numbers = None if labels is None else np.array(labels, np.int64)
    return ImageSource(place, "folder", names, lambda index: b"", place, labels=numbers)


def set_hash(own: ImageSource, *items: bytes) -> str:
    found = DatasetHash(own)
    for item in items:
        found.add(item_hash(item))
    return found.hexdigest()


def test_the_hash_by_hand() -> None:
    lines = b"".join(
        name + b"\0" + hashlib.sha256(item).hexdigest().encode() + b"\n"
        for name, item in ((b"x", b"1"), (b"y", b"2"))
    )
    labels = np.array([3, 4], np.int64).tobytes()
    assert set_hash(source(("x", "y")), b"1", b"2") == hashlib.sha256(lines).hexdigest()
    found = set_hash(source(("x", "y"), [3, 4]), b"1", b"2")
    assert found == hashlib.sha256(lines + labels).hexdigest()


def test_an_array_is_hashed_by_its_bytes() -> None:
    array = np.arange(6, dtype=np.uint8).reshape(2, 3)
    assert item_hash(array) == item_hash(array.tobytes()) == item_hash(array.T.copy().T)


def test_the_place_does_not_count_but_names_order_and_labels_do() -> None:
    own = set_hash(source(("x", "y"), [0, 1]), b"1", b"2")
    assert set_hash(source(("x", "y"), [0, 1], place="elsewhere"), b"1", b"2") == own
    others = [
        set_hash(source(("x", "y"), [0, 1]), b"2", b"1"),
        set_hash(source(("x", "z"), [0, 1]), b"1", b"2"),
        set_hash(source(("x", "y"), [1, 0]), b"1", b"2"),
        set_hash(source(("x", "y")), b"1", b"2"),
    ]
    assert len({own, *others}) == 5


def test_reading_the_hash_does_not_end_it() -> None:
    found = DatasetHash(source(("x", "y")))
    found.add(item_hash(b"1"))
    assert found.hexdigest() == found.hexdigest()
    found.add(item_hash(b"2"))
    assert found.hexdigest() == set_hash(source(("x", "y")), b"1", b"2")
