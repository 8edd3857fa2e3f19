"""A function mapped over many items on all cores, with ordered results and bounded memory."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")
ProgressCallback = Callable[[int, int], None]  # (images done, total images)

BLOCK_SIZE = 64  # items per task; a task costs more than decoding a small image


def map_in_threads(
    work: Callable[[int], Result],
    count: int,
    progress: ProgressCallback | None = None,
    block: int = BLOCK_SIZE,
) -> Iterator[Result]:
    """Yield work(0) … work(count - 1), computed in threads; Pillow and hashlib release the GIL.

    At most two tasks of `block` items per thread are in memory at a time.
    """
    workers = min(8, os.cpu_count() or 1)
    pending: deque[Future[list[Result]]] = deque()
    starts = iter(range(0, count, block))
    pool = ThreadPoolExecutor(workers)
    done = 0
    try:
        while True:
            while len(pending) < 2 * workers and (start := next(starts, None)) is not None:
                pending.append(pool.submit(_block, work, range(start, min(start + block, count))))
            if not pending:
                return
            results = pending.popleft().result()
            yield from results
            done += len(results)
            if progress is not None:
                progress(done, count)
    finally:
        pool.shutdown(cancel_futures=True)


def _block(work: Callable[[int], Result], items: range) -> list[Result]:
    return [work(item) for item in items]
