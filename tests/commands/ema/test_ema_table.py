"""The table of `ddpm ema`: measured lengths with verdicts, or a single length without."""

from __future__ import annotations

from typing import Any

from ddpm.commands.ema.ema_table import average_table
from ddpm.messages import message

OWN = {"length": 0.101, "gamma": None, "error": 0.0, "own": True}
BUILT = {"length": 0.05, "gamma": 18.5, "error": 0.0123, "own": False}


def found(**more: Any) -> dict[str, Any]:
    return {
        "snapshots": 8, "step": 24, "covered": [0.03, 0.25], "chosen": 1, "points": [OWN, BUILT],
        "done": ["smallest distance: the average of σ_rel 0.05"], **more,
    }  # fmt: skip


def test_lengths_without_a_measurement_have_three_columns() -> None:
    text = average_table(found())
    assert "8 saved up to step 24; they provide σ_rel from 0.03 to 0.25" in text
    rows = [line.split() for line in text.splitlines() if "0.101" in line or "0.050" in line]
    assert rows == [["≈", "0.101", "–", "–"], ["0.050", "18.50", "1.23", "%"]]
    assert text.splitlines()[-1] == "smallest distance: the average of σ_rel 0.05"
    assert "ratio" not in text


def test_measured_lengths_name_the_smallest_and_what_is_no_worse() -> None:
    own = {**OWN, "value": 12.0, "low": 10.0, "high": 14.0, "ratio": 2.0, "as_good": True}
    built = {**BUILT, "value": 11.0, "low": 9.0, "high": 13.0, "ratio": 1.8, "as_good": True}
    text = average_table(
        found(
            points=[own, built],
            label="FD-digits",
            seeds=[0, 11],
            drawn=message("sampler", sampler="ddim", steps=2),
            network="digits",
            network_why="",
            reference={"name": "digits", "what": "1,753 images"},
            floor={"value": 6.0, "low": 5.0, "high": 7.0, "what": "half against half"},
            notes=[],
        )
    )
    lines = text.splitlines()
    assert any(line.endswith("the run's own, not significantly larger") for line in lines)
    assert any(line.rstrip().endswith("1.80  smallest") for line in lines)
    assert "FD-digits, seeds 0-11" in text and "6.00 [5.00, 7.00]: half against half" in text
