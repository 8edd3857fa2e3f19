"""Equal images, found by their hashes in bounded memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_BUCKET = 1 << 18  # approximate number of hashes sorted at once
_BITS = 64


def first_occurrences(hashes: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Return a mask [M] of the hashes [M] that occur for the first time.

    Equal hashes share their first bits, so hashes are compared within buckets of equal first bits.
    """
    first = np.zeros(len(hashes), np.bool_)
    bits = max(0, (len(hashes) // _BUCKET).bit_length())
    for bucket in range(1 << bits):
        rows = _rows_in_bucket(hashes, bucket, bits)
        first[rows[np.unique(hashes[rows], return_index=True)[1]]] = True
    return first


def _rows_in_bucket(hashes: NDArray[np.uint64], bucket: int, bits: int) -> NDArray[np.int64]:
    """Return the rows whose hash begins with the `bits` bits of `bucket`, ascending."""
    if not bits:
        return np.arange(len(hashes))
    found = []
    for start in range(0, len(hashes), _BUCKET):
        block = hashes[start : start + _BUCKET] >> np.uint64(_BITS - bits)
        found.append(start + np.flatnonzero(block == bucket))
    return np.concatenate(found)
