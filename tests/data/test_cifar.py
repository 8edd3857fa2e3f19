"""CIFAR in its Python version: pickled batches, read without running anything."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ddpm.data import cifar
from ddpm.data.cifar import cifar_source
from ddpm.data.source_detection import open_source
from ddpm.errors import RequestError


def random(count: int, seed: int) -> Any:
    return np.random.default_rng(seed).integers(0, 256, (count, 3072), dtype=np.uint8)


def write(path: Path, content: object, protocol: int = 2) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(content, protocol))
    return path


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("kind", ["CIFAR-10", "CIFAR-100"])
def test_both_sets_keep_labels_names_and_split(kind: str, protocol: int, tmp_path: Path) -> None:
    root = tmp_path / "cifar"
    small = kind == "CIFAR-10"
    names = ["data_batch_1", "data_batch_2", "test_batch"] if small else ["train", "test"]
    for seed, name in enumerate(names):
        labels = {b"labels" if small else b"fine_labels": [seed, 1, 2, 0]}
        write(root / name, {b"data": random(4, seed), **labels}, protocol)
    meta = {"label_names" if small else "fine_label_names": ["cat", "dog", "eel"]}
    write(root / ("batches.meta" if small else "meta"), meta, protocol)
    (root / "readme.html").write_text("", encoding="utf-8")
    source = open_source(root)
    expected = np.concatenate([random(4, seed) for seed in range(len(names))])
    images = np.stack([np.asarray(source.load(i)) for i in range(len(source))])
    assert np.array_equal(images, expected.reshape(-1, 3, 32, 32))
    assert source.class_names == ("cat", "dog", "eel")
    assert source.labels is not None and source.labels.tolist()[:5] == [0, 1, 2, 0, 1]
    assert list(source.test) == list(range(len(source) - 4, len(source)))


class Evil:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return (Path.touch, (self.mark,))


def test_a_hostile_pickle_does_not_run(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    write(tmp_path / "set" / "data_batch_1", {b"data": Evil(mark)})
    with pytest.raises(RequestError, match="not a readable CIFAR batch"):
        open_source(tmp_path / "set")
    assert not mark.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n.",
        pickle.dumps([1, 2]),
        b"\x80\x02cnumpy\nndarray\n(I1000000000000\nI1\nt\x85R.",  # an array of terabytes
        pickle.dumps({b"data": np.zeros((4, 9), np.uint8)}),
        pickle.dumps({b"data": np.zeros((4, 3072))}),
        pickle.dumps({b"data": np.array([None] * 4)}),
        pickle.dumps({b"data": random(4, 0)})[:-5000],
    ],
)
def test_other_contents_are_refused_in_a_sentence(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "test_batch").write_bytes(content)
    with pytest.raises(RequestError, match=r"CIFAR batch|no uint8 images"):
        cifar_source("set", [tmp_path / "test_batch"], "")


@pytest.mark.parametrize("labels", [[1, 2], [0, 1, 2, -1], [0, 1, 2, 2**64], [0, 1, 2, 3_000_000]])
def test_labels_that_do_not_fit_are_left_out(labels: list[int], tmp_path: Path) -> None:
    write(tmp_path / "data_batch_1", {b"data": random(4, 0), b"labels": labels})
    source = open_source(tmp_path)
    assert len(source) == 4 and source.labels is None and source.class_names == ()


def test_batches_are_read_once_for_their_labels_and_kept_out_of_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed, name in enumerate(("data_batch_1", "data_batch_2", "test_batch")):
        write(tmp_path / "set" / name, {b"data": random(4, seed), b"labels": [0, 1, 2, 0]})
    read: list[str] = []
    plain = cifar._read
    monkeypatch.setattr(cifar, "_read", lambda path: read.append(path.name) or plain(path))  # type: ignore[func-returns-value]
    sources = [open_source(tmp_path / "set") for _ in range(3)]
    assert sorted(read) == ["data_batch_1", "data_batch_2", "test_batch"]
    assert np.array_equal(sources[2].load(5), random(4, 1)[1].reshape(3, 32, 32))
    assert read[3:] == ["data_batch_2"]
    write(tmp_path / "set" / "data_batch_2", {b"data": random(2, 9), b"labels": [5, 6]})
    assert len(open_source(tmp_path / "set")) == 10  # changed files are read again
