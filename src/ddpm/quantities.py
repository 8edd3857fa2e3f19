"""Quantities as short text: durations, byte sizes, speeds and seed ranges."""

from __future__ import annotations

from collections.abc import Sequence


def format_duration(seconds: float, *, tenths: bool = False) -> str:
    """Return `42 s`, `3 min 5 s` or `2 h 10 min`; with `tenths`, `4.2 s` below ten seconds."""
    if tenths and seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def format_bytes(count: int | None) -> str:
    """Return `640 kB`, `12.8 MB` or `1.06 GB` (decimal prefixes); `unknown` for None."""
    if count is None:
        return "unknown"
    if count < 999_500:  # from there on kilobytes would round to 1000
        return f"{count / 1e3:.0f} kB"
    return f"{count / 1e6:.1f} MB" if count < 999_950_000 else f"{count / 1e9:.2f} GB"


def format_rate(images_per_second: float) -> str:
    """Return `9.1 images/s` or `344 images/s`."""
    return f"{images_per_second:.{1 if images_per_second < 100 else 0}f} images/s"


def format_seeds(seeds: Sequence[int]) -> str:
    """Return `seed 4`, `seeds 0–24` or `seeds 0–2, 7, 9`; in the given order."""
    ranges: list[list[int]] = []
    for seed in seeds:
        if ranges and seed == ranges[-1][-1] + 1:
            ranges[-1] = [ranges[-1][0], seed]
        else:
            ranges.append([seed])
    text = ", ".join("–".join(map(str, bounds)) for bounds in ranges)
    return f"seed{'s' if len(seeds) > 1 else ''} {text}"
