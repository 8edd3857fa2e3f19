"""The phases of a set run and are timed; the table says what more images cost."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks import dataset_phases, dataset_size, machine
from benchmarks.dataset_phases import IMAGE, PHASES, STATUS, Watch, generated, measure, own_memory

needs_linux = pytest.mark.skipif(not STATUS.is_file(), reason="needs RssAnon of Linux")
MIB = 2**20


def point(images: int, training: float) -> dict[str, Any]:
    rates = {"opening": 500.0, "opening again": images / 2, "batches": 9000.0, "training": 700.0}
    memory = {**dict.fromkeys(PHASES, 300.0), "training": training}
    return {"images": images, "rates": rates, "memory": memory, "duplicate": images // 1000}


def test_generated_images_differ_but_for_every_thousandth() -> None:
    source = generated(2000)
    assert len(source) == 2000 and source.load(5).nbytes == IMAGE  # type: ignore[union-attr]
    for index in (0, 997, 998, 999, 1000):
        alike = np.array_equal(source.load(index), source.load(index + 1))
        assert alike == (index == 998)


@needs_linux
def test_every_phase_is_timed_and_its_memory_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset_phases, "REPEATED", 20)
    found = measure(60, tmp_path, seconds=0.0, threads=torch.get_num_threads())
    assert set(found["memory"]) == set(PHASES) and set(found["rates"]) == set(PHASES[1:])
    assert min(found["memory"].values()) > 10 and min(found["rates"].values()) > 0
    assert found["duplicate"] == 3
    assert list(tmp_path.iterdir()) == []


@needs_linux
def test_memory_of_the_process_counts_and_pages_of_files_do_not(tmp_path: Path) -> None:
    size = 64 * MIB
    (tmp_path / "file").write_bytes(bytes(size))
    before = own_memory()
    pages = np.memmap(tmp_path / "file", np.uint8, "r")
    with Watch() as watch:
        assert pages.max() == 0
    assert watch.peak - before < 16
    private = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    own = mmap.mmap(-1, size, private)  # numpy might be given memory that was freed before
    with Watch() as watch:
        own.write(bytes(size))
    assert watch.peak - before > 48
    own.close()


def test_a_disk_that_is_too_small_gets_fewer_images_or_a_sentence() -> None:
    assert dataset_size.counts_that_fit(100 << 30) == (20_000, 1_000_000)
    assert dataset_size.counts_that_fit(10 << 30) == (20_000, 200_000)
    with pytest.raises(SystemExit, match=r"3 GiB free, too little for 200,000 images; give fewer"):
        dataset_size.counts_that_fit(3 << 30)


def test_the_table_says_what_an_image_more_costs() -> None:
    points = [point(1_000, 310.0), point(1_000 + MIB, 326.0)]
    result = {"machine": machine.describe(1), "batch": 64, "seconds": 3.0, "points": points}
    lines = dataset_size.table(result).splitlines()
    cells = dict(zip(dataset_size.HEADER, lines[2].strip("| ").split(" | "), strict=True))
    assert cells["images"] == "1,000" and cells["opening again, s"] == "2.00"
    assert cells["batches, images/s"] == "9,000" and cells["training"] == "310"
    assert "takes +16 MiB over the first: 16 bytes an image, of 12,288" in lines[-2]
