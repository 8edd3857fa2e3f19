"""Equal images, found by their hashes, in memory that a large set does not need more of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_AT_ONCE = 1 << 18  # hashes that are sorted together, about
_BITS = 64


def first_occurrences(hashes: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Which of the hashes [M] have not come before, [M].

    Equal hashes have equal first bits, so that each part of them is looked through by itself.
    """
    first = np.zeros(len(hashes), np.bool_)
    bits = max(0, (len(hashes) // _AT_ONCE).bit_length())
    for part in range(1 << bits):
        rows = _rows_of_part(hashes, part, bits)
        first[rows[np.unique(hashes[rows], return_index=True)[1]]] = True
    return first


def _rows_of_part(hashes: NDArray[np.uint64], part: int, bits: int) -> NDArray[np.int64]:
    """The rows whose first `bits` bits spell `part`, ascending; looked at a block at a time."""
    if not bits:
        return np.arange(len(hashes))
    found = []
    for start in range(0, len(hashes), _AT_ONCE):
        block = hashes[start : start + _AT_ONCE] >> np.uint64(_BITS - bits)
        found.append(start + np.flatnonzero(block == part))
    return np.concatenate(found)
