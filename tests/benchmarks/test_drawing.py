"""The table sets each walk beside the default above it."""

from __future__ import annotations

from benchmarks.drawing import measured, table


def test_a_walk_is_compared_with_the_default_above_it() -> None:
    machine = {
        "processor": "p", "cores": 2, "threads": 2, "torch": "t", "python": "p", "commit": "c",
        "load_before": 0.0,
    }  # fmt: skip
    names = ("as it draws by default", "ancestral, every level", "the default, unguided",
             "ancestral, every level, unguided")  # fmt: skip
    taken = dict(zip(names, ([0.01, 0.03, 0.02], [2.0], [0.005], [1.0]), strict=True))
    result = {
        "machine": machine,
        "target": "t",
        "drawings": dict.fromkeys(names, "d"),
        "seconds": taken,
    }
    ends = [row.rsplit("|", 2)[-2].strip() for row in table(result).splitlines()[2:6]]
    assert ends == ["1", "100", "1", "200"]


def test_every_way_is_timed() -> None:
    found = measured("bundled:digits", rounds=1)
    assert len(found["seconds"]) == 4
    assert all(time > 0 for times in found["seconds"].values() for time in times)
