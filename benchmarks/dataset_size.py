"""Data sets larger than memory: speed and memory against the number of images.

    python -m benchmarks.dataset_size               # 20,000 images against 1,000,000 (200,000)
    python -m benchmarks.dataset_size --counts 2000,20000 --seconds 1      # a quick look
    python -m benchmarks.dataset_size --markdown    # prints the table of the last measurement

Each number of images runs in a fresh process; see `dataset_phases.py`.
"""

from __future__ import annotations

import argparse
import multiprocessing
import shutil
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import torch

from benchmarks import machine
from benchmarks.dataset_phases import BATCH, IMAGE, PHASES, measure
from benchmarks.machine import Result
from benchmarks.results import RESULTS, markdown, read, write

SMALL, LARGE, LESS = 20_000, 1_000_000, 200_000  # images; the last where the disk is too small
SPARE = 2 << 30  # bytes that the disk keeps
HEADER = (
    "images", "on disk, GiB", "first opening, images/s", "opening again, s", "batches, images/s",
    "training, images/s", "own memory, MiB: at rest", *PHASES[1:],
)  # fmt: skip


def counts_that_fit(free: int) -> tuple[int, int]:
    """Return the two numbers of images for a disk with `free` bytes. SystemExit if none fits."""
    for large in (LARGE, LESS):
        if large * IMAGE + SPARE <= free:
            return SMALL, large
    raise SystemExit(
        f"The disk has {free >> 30} GiB free, too little for {LESS:,} images; give fewer with --counts, "
        "or another --folder."
    )


def table(result: Result) -> str:
    """Return the table: a line for each number of images, and the difference in memory."""
    rows = []
    for point in result["points"]:
        rates, memory = point["rates"], point["memory"]
        rows.append([
            f"{point['images']:,}", f"{point['images'] * IMAGE / 2**30:.2f}",
            f"{rates['opening']:,.0f}", f"{point['images'] / rates['opening again']:.2f}",
            f"{rates['batches']:,.0f}", f"{rates['training']:,.0f}",
            *(f"{memory[phase]:.0f}" for phase in PHASES),
        ])  # fmt: skip
    first, last = result["points"][0], result["points"][-1]
    more = last["memory"]["training"] - first["memory"]["training"]
    apart = more * 2**20 / max(1, last["images"] - first["images"])
    note = (
        f"3x64x64 random pixels, batch {result['batch']}, {result['seconds']:g} s a phase. While it trains, "
        f"the last set takes {more:+.0f} MiB over the first: {apart:.0f} bytes an image, of {IMAGE:,}. "
        f"Duplicates found: {first['duplicate']:,} and {last['duplicate']:,}."
    )
    return "\n".join([markdown(HEADER, rows), "", note, machine.line(result["machine"])])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--counts", help="numbers of images, such as 2000,20000 (default: see above)"
    )
    parser.add_argument("--seconds", type=float, default=10.0, help="a phase (default: 10)")
    parser.add_argument(
        "--folder", type=Path, default=RESULTS, help="where the images lie meanwhile"
    )
    parser.add_argument("--json", type=Path, default=RESULTS / "dataset_size.json")
    parser.add_argument("--markdown", action="store_true", help="print the table of --json only")
    options = parser.parse_args()
    if not options.markdown:
        write(options.json, _measure_all(options))
    print(table(read(options.json)))


def _measure_all(options: argparse.Namespace) -> Result:
    options.folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(options.folder).free
    counts = (
        [int(c) for c in options.counts.split(",")] if options.counts else counts_that_fit(free)
    )
    threads = torch.get_num_threads()
    result: Result = {
        "machine": machine.describe(threads),
        "batch": BATCH,
        "seconds": options.seconds,
    }
    result["points"] = []
    for count in counts:
        fresh = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=fresh) as pool:
            asked = pool.submit(measure, count, options.folder, options.seconds, threads)
            result["points"].append(asked.result())
    return result


if __name__ == "__main__":
    main()
