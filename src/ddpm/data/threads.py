"""One piece of work for many items on all cores, its results in order and its memory bounded."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")
Progress = Callable[[int, int], None]  # (images done, images in all)

BLOCK_SIZE = 64  # items in one task, as handing over a task costs more than decoding a small image


def map_in_threads(
    work: Callable[[int], Result],
    count: int,
    progress: Progress | None = None,
    block: int = BLOCK_SIZE,
) -> Iterator[Result]:
    """Yield work(0) … work(count - 1). Threads serve, as Pillow and hashlib let go of the GIL.

    At most two tasks of ``block`` items a thread are in memory at a time.
    """
    workers = min(8, os.cpu_count() or 1)
    waiting: deque[Future[list[Result]]] = deque()
    starts = iter(range(0, count, block))
    pool = ThreadPoolExecutor(workers)
    done = 0
    try:
        while True:
            while len(waiting) < 2 * workers and (start := next(starts, None)) is not None:
                waiting.append(pool.submit(_block, work, range(start, min(start + block, count))))
            if not waiting:
                return
            results = waiting.popleft().result()
            yield from results
            done += len(results)
            if progress is not None:
                progress(done, count)
    finally:
        pool.shutdown(cancel_futures=True)


def _block(work: Callable[[int], Result], items: range) -> list[Result]:
    return [work(item) for item in items]
