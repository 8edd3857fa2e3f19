"""The linear assignment problem: pairs of rows and columns with the least total cost."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor


def assign(costs: Tensor) -> list[int]:
    """Return the column of each row of costs [n, n] in the assignment with the least total cost.

    Shortest augmenting paths (Jonker & Volgenant 1987, https://doi.org/10.1007/BF02278710): rows are added
    one by one, each along the cheapest chain of exchanges. Prices keep all reduced costs at 0 or more. O(n³).
    """
    rows, size = costs.tolist(), len(costs)
    row_price, column_price = [0.0] * size, [0.0] * size
    owner = [-1] * size  # the row of each column
    for row in range(size):
        shortest, before, closed = _cheapest_path(row, rows, row_price, column_price, owner)
        end = closed[-1]
        row_price[row] += shortest[end]
        for column in closed[:-1]:
            surplus = shortest[end] - shortest[column]
            column_price[column] -= surplus
            row_price[owner[column]] += surplus
        while end >= 0:
            owner[end], end = (owner[before[end]] if before[end] >= 0 else row), before[end]
    columns = [0] * size
    for column, row in enumerate(owner):
        columns[row] = column
    return columns


def _cheapest_path(
    row: int,
    rows: Sequence[Sequence[float]],
    row_price: Sequence[float],
    column_price: Sequence[float],
    owner: Sequence[int],
) -> tuple[list[float], list[int], list[int]]:
    """Find the cheapest chain of exchanges from `row` to a free column (Dijkstra's algorithm).

    Returns the cost of reaching each column, the column before it (-1: none), and the columns reached, of
    which the last is free.
    """
    shortest, before = [math.inf] * len(rows), [-1] * len(rows)
    waiting, closed = set(range(len(rows))), list[int]()
    distance, column = 0.0, -1
    while True:
        costs, base = rows[row], distance - row_price[row]
        for j in waiting:
            reached = base + costs[j] - column_price[j]
            if reached < shortest[j]:
                shortest[j], before[j] = reached, column
        column = min(waiting, key=shortest.__getitem__)
        distance = shortest[column]
        waiting.remove(column)
        closed.append(column)
        row = owner[column]
        if row < 0:
            return shortest, before, closed
