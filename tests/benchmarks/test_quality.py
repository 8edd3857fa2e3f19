"""When a falling curve reaches a target, and what the tables say of it."""

from __future__ import annotations

import pytest

from benchmarks.quality import crossing, speedups, table

MACHINE = {
    "processor": "a processor", "cores": 2, "threads": 2, "python": "3.11", "torch": "2.13",
    "commit": "abc", "load_before": 0.0,
}  # fmt: skip
POWER = [(t, 1000 / t) for t in (10.0, 40.0, 160.0)]  # distance falls as one over time


@pytest.mark.parametrize("target", [90.0, 25.0, 17.3, 6.25])
def test_a_power_law_is_crossed_where_it_says(target: float) -> None:
    assert crossing(POWER[::-1], target) == pytest.approx(1000 / target)


def test_a_target_that_is_never_reached() -> None:
    assert crossing(POWER, 6.0) is None
    assert crossing([], 6.0) is None


def test_the_shortest_run_may_be_good_enough() -> None:
    assert crossing(POWER, 500.0) == 10.0


def test_a_curve_that_rises_again_counts_from_its_first_crossing() -> None:
    assert crossing([(10, 20.0), (20, 5.0), (40, 8.0), (80, 4.0)], 5.0) == pytest.approx(20)


def run(seed: int, budget: float, fd: float) -> dict[str, object]:
    score = {"fd": fd, "floor": 2.0, "confident": 0.95, "balance": 0.01}
    return {
        "seed": seed, "budget": budget, "wall": budget + 5, "training": budget - 5, "steps": 100,
        "score": score,
    }  # fmt: skip


def result(second: float) -> dict[str, object]:
    score = {"fd": 50.0, "floor": 2.0, "confident": 0.6, "balance": 0.1}
    peer = {"peer": "diffusers", "minutes": 30.0, "steps": 1000, "score": score}
    ours = [run(0, 40, 80), run(0, 80, 40), run(1, 40, 90), run(1, 80, second)]
    return {"machine": MACHINE, "n": 2000, "peers": [peer], "ours": ours}


def test_each_seed_has_its_own_crossing_and_the_worst_one_counts() -> None:
    (found,) = speedups(result(45))
    first, second = found["needed"]
    assert 45 < first < second < 85  # by the clock of the whole command
    assert f"**{1800 / second:.1f}**" in table(result(45))
    assert "| 21.2 |" in table(result(45))  # over the floor at 80 s: median of 40 and 45, over 2


def test_a_seed_that_never_gets_there_takes_the_ratio_away() -> None:
    text = table(result(60))
    assert "never" in text
    assert "**" not in text


def test_the_table_says_at_which_commits_the_pieces_began() -> None:
    found = result(45)
    found["ours"][1]["machine"] = {"commit": "def"}  # type: ignore[index]
    assert "Pieces by commit: not noted (4), def (1)." in table(found)


def test_the_table_says_in_which_precision_each_side_computed() -> None:
    text = table(result(45))
    assert "The peers compute in fp32" in text and "ours as shipped, in bf16" in text
