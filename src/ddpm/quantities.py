"""quantities."""

from __future__ import annotations

from collections.abc import Sequence


def duration(seconds: float) -> str:
    """`42 s`, `3 min 5 s` or `2 h 10 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def seed_words(seeds: Sequence[int]) -> str:
    """`seed 4`, `seeds 0–24` or `seeds 0–2, 7, 9`, in the order of the images."""
    runs: list[list[int]] = []
    for seed in seeds:
        if runs and seed == runs[-1][-1] + 1:
            runs[-1] = [runs[-1][0], seed]
        else:
            runs.append([seed])
    words = ", ".join("–".join(map(str, run)) for run in runs)
    return f"seed{'s' if len(seeds) > 1 else ''} {words}"
