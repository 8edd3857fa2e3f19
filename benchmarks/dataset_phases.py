"""Phases of a data set before and during a training, with their time and memory.

The images are generated and processed like any data set. Memory is the anonymous memory of the process
(RssAnon on Linux); file pages, which the system can reclaim, do not count.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.machine import Result, say
from ddpm.api import build_model
from ddpm.config import Config, NetworkConfig, TrainingConfig
from ddpm.data.batches import Batches
from ddpm.data.dataset import Dataset, prepare_from_source
from ddpm.data.image_source import ImageSource, NumberedNames
from ddpm.data.pixels import to_model
from ddpm.device import deterministic_algorithms, keep_freed_memory

SHAPE = (3, 64, 64)
BATCH = 64
IMAGE = 3 * 64 * 64  # bytes
REPEATED = 1000  # every so many images one is equal to the one before
FACTS = 100  # images from which the model's facts are taken
NETWORK = NetworkConfig(channels=8, multipliers=(1,), patch=4)  # so small that batches weigh
STATUS = Path("/proc/self/status")
PHASES = ("at rest", "opening", "opening again", "batches", "training")


def picture(index: int) -> NDArray[np.uint8]:
    """Return random pixels, uint8 [3, 64, 64]. Every thousandth image repeats the one before."""
    seed = index - (index % REPEATED == REPEATED - 1)
    return np.random.default_rng(seed).integers(0, 256, SHAPE, np.uint8)


def generated(count: int) -> ImageSource:
    """An image source of `count` generated images, without files."""
    return ImageSource(
        name=f"{count} generated images",
        kind="array",
        names=NumberedNames((("", count),)),
        load=picture,
        fingerprint=f"{count:032d}",
    )


def own_memory() -> float:
    """Return the anonymous memory of the process in MiB. SystemExit on systems that do not report it."""
    rows = STATUS.read_text("utf-8").splitlines() if STATUS.is_file() else []
    for row in rows:
        if row.startswith("RssAnon:"):
            return int(row.split()[1]) / 1024
    raise SystemExit("This system does not tell a process's own memory (RssAnon); use Linux.")


class Watch:
    """Record the peak of the anonymous memory inside a block, sampled fifty times a second."""

    def __enter__(self) -> Watch:
        self.peak, self._over = own_memory(), threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()
        self.peak = max(self.peak, own_memory())

    def _look(self) -> None:
        while not self._over.wait(0.02):
            self.peak = max(self.peak, own_memory())


def measure(count: int, folder: Path, seconds: float, threads: int) -> Result:
    """Measure all phases for `count` images in this process, with the cache in `folder`."""
    torch.set_num_threads(threads)
    keep_freed_memory()
    found: Result = {"images": count, "memory": {"at rest": own_memory()}, "rates": {}}
    with tempfile.TemporaryDirectory(dir=folder) as cache:
        found["rates"]["opening"], found["memory"]["opening"] = _opened(count, Path(cache))[1:]
        dataset, *again = _opened(count, Path(cache))
        found["rates"]["opening again"], found["memory"]["opening again"] = again
        found["duplicate"] = dataset.report["duplicate"]
        batches = Batches(dataset.images, dataset.train, None, BATCH, seed=0)
        found["rates"]["batches"], found["memory"]["batches"] = _repeated(batches.batch, seconds)
        step = training(dataset, batches)
        found["rates"]["training"], found["memory"]["training"] = _repeated(step, seconds)
    told = ", ".join(f"{name} {found['rates'][name]:,.0f}" for name in ("batches", "training"))
    say(f"{count:,} images: {told} images/s; {max(found['memory'].values()):.0f} MiB at most")
    return found


def _opened(count: int, cache: Path) -> tuple[Dataset, float, float]:
    """Return the data set, the images per second until it was ready, and the peak memory."""
    with Watch() as watch:
        began = time.perf_counter()
        dataset = prepare_from_source(generated(count), cache_dir=cache)
        taken = time.perf_counter() - began
    return dataset, count / taken, watch.peak


def training(dataset: Dataset, batches: Batches) -> Callable[[int], object]:
    """Return the function that takes step k of a training with a tiny network, as `ddpm train` does."""
    facts = torch.from_numpy(np.array(dataset.images[dataset.train[:FACTS]]))
    config = Config(network=NETWORK, training=TrainingConfig(batch_size=BATCH, precision="fp32"))
    model = build_model(config, facts, device="cpu")

    def step(number: int) -> object:
        images, labels = batches.batch(number)
        with deterministic_algorithms():
            return model.training_step(to_model(images), labels, number + 1)

    return step


def _repeated(step: Callable[[int], object], seconds: float) -> tuple[float, float]:
    """Return images per second over `seconds` of steps, after a warm-up, and the peak memory."""
    with Watch() as watch:
        for number in range(3):
            step(number)
        began, done = time.perf_counter(), 0
        while not done or time.perf_counter() - began < seconds:
            step(3 + done)
            done += 1
        taken = time.perf_counter() - began
    return done * BATCH / taken, watch.peak
