"""The watch over the log: onset, once a kind, from the rows alone."""

from __future__ import annotations

from typing import Any

from ddpm.messages import warning_text
from ddpm.training.memorization import MemorizationWatch, is_memorization


def row(step: int, z: float = 0.0, copies: float = 0.0, **more: Any) -> dict[str, Any]:
    gap = {"heldout_gap": z / 50, "heldout_gap_z": z, "heldout_gap_pairs": 500}
    return {"step": step, **gap, "copies": copies, "copies_heldout": 0.02, **more}


def test_each_onset_is_a_warning_once_with_advice() -> None:
    watch = MemorizationWatch()
    rows = [row(10, 3.9), row(20, 4.1), row(30, 9.0, 0.11), row(40, 9.0, 0.13), row(50, 9.0, 0.9)]
    told = [warning for found in map(watch, rows) for warning in found]
    assert [warning["step"] for warning in told] == [20, 40]
    gap, copies = (warning_text(warning["warning"]) for warning in told)
    assert "8% above" in gap and "4.1 standard errors" in gap and "13%" in copies
    for mend in ("data.augment", "network.dropout", "network.channels", "--steps"):
        assert mend in gap and mend in copies
    assert all(map(is_memorization, told)) and not any(map(is_memorization, rows))


def test_a_resumed_log_repeats_no_warning() -> None:
    rows = [row(10, 5.0), row(20, 5.0), row(30, 5.0, 0.5)]
    whole = [warning for found in map(MemorizationWatch(), rows) for warning in found]
    watch = MemorizationWatch()
    for old in rows[:2]:
        watch(old)  # as the log replays them
    assert watch(rows[2]) == whole[1:]


def test_too_little_data_gives_no_warning() -> None:
    watch = MemorizationWatch()
    assert watch({"step": 1, "loss": 0.5}) == []
    assert watch(row(2, 30.0, heldout_gap_pairs=19)) == []  # too few to know the error
    assert watch(row(3, 0.0, 0.3, copies_heldout=0.25)) == []  # nature repeats itself
    assert watch({"step": 4, "copies": 0.09}) == []  # nothing held out
    assert len(watch({"step": 5, "copies": 0.1})) == 1
