"""The table of two sides: ratios round by round, utilization, the faster peer."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.profiling import kind
from benchmarks.throughput import HEADER, ratios, repeat_disturbed, row, table

MACHINE = {
    "processor": "a processor", "cores": 2, "threads": 2, "python": "3.11", "torch": "2.13",
    "commit": "abc", "load_before": 0.0,
}  # fmt: skip


def pair(peer: str, ours: list[float], theirs: list[float]) -> dict[str, Any]:
    facts = {"parameters": 102_000, "flops": 2e9}
    other = {"parameters": 100_000, "flops": 1e9, "versions": {peer: "1.0"}}
    return {
        "peer": peer, "precision": "fp32", "rates": {"ours": ours, "peer": theirs},
        "facts": {"ours": facts, "peer": other}, "peak": 200e9,
    }  # fmt: skip


def test_a_ratio_is_taken_within_its_round() -> None:
    rates = {"ours": [10.0, 40.0, 30.0], "peer": [10.0, 20.0, 10.0]}
    assert ratios(rates) == [1, 2, 3]
    with pytest.raises(ValueError, match="shorter"):
        ratios({"ours": [1.0], "peer": []})


class Rounds:
    """What the rounds that are measured again find, in turn."""

    def __init__(self, *found: float) -> None:
        self.found, self.asked = list(found), list[int]()

    def __call__(self, number: int) -> dict[str, float]:
        self.asked.append(number)
        return {"ours": 11.0, "peer": self.found.pop(0)}


def test_a_disturbed_round_is_measured_again_on_both_sides() -> None:
    rates = {"ours": [10.0, 10.0, 10.0, 12.0], "peer": [5.0, 1.0, 5.0, 4.0]}
    again = Rounds(6.0)
    aside = repeat_disturbed(rates, again)
    assert again.asked == [1]
    assert rates == {"ours": [10.0, 11.0, 10.0, 12.0], "peer": [5.0, 6.0, 5.0, 4.0]}
    assert aside == [{"round": 1, "ours": 10.0, "peer": 1.0}]


def test_a_round_is_measured_again_twice_at_most(capsys: pytest.CaptureFixture[str]) -> None:
    rates = {"ours": [10.0, 10.0, 10.0], "peer": [5.0, 9.0, 5.0]}
    again = Rounds(1.0, 8.0)
    assert [one["peer"] for one in repeat_disturbed(rates, again)] == [9.0, 1.0]
    assert again.asked == [1, 1] and rates["peer"] == [5.0, 8.0, 5.0]
    assert "Round 2 stays over 30% off" in capsys.readouterr().err


def test_the_row_holds_medians_counts_and_utilization() -> None:
    cells = dict(zip(HEADER, row(pair("a", [40, 80, 50], [20, 20, 50])), strict=True))
    assert cells["ours, images/s"] == "50.0"
    assert cells["peer, images/s"] == "20.0"
    assert cells["ours / peer"] == "**2.00**"
    assert cells["range"] == "1.00 to 4.00"
    assert cells["parameters, ours / peer"] == "102,000 / 100,000 (+2.0%)"
    assert cells["ours, GFLOP/s"] == "100"  # 50 images of 2 GFLOP
    assert cells["utilization"] == "50%"


def test_the_faster_peer_is_the_one_to_beat() -> None:
    pairs = [pair("slow", [60.0], [10.0]), pair("fast", [60.0], [40.0])]
    text = table({
        "machine": MACHINE, "pairs": pairs, "batch": 64, "rounds": 1, "seconds": 8.0, "device": "cpu",
    })  # fmt: skip
    assert "fp32: 1.50 times the faster peer (fast)." in text
    assert "slow 1.0, fast 1.0" in text
    assert "commit abc" in text and "again" not in text and "compile" not in text


def test_the_table_says_where_ours_alone_is_compiled() -> None:
    one = pair("a", [60.0], [10.0])
    one["facts"]["ours"]["compiled"] = True
    text = table({
        "machine": MACHINE, "pairs": [one], "batch": 64, "rounds": 1, "seconds": 8.0, "device": "cuda",
    })  # fmt: skip
    assert "Ours by torch.compile" in text and "the peers without" in text


def test_the_table_says_how_many_rounds_were_measured_again() -> None:
    one = {**pair("a", [60.0], [10.0]), "repeated": [{"round": 0, "ours": 60.0, "peer": 1.0}]}
    text = table({
        "machine": MACHINE, "pairs": [one], "batch": 64, "rounds": 1, "seconds": 8.0, "device": "cpu",
    })  # fmt: skip
    assert "over 30% off its own median: 1 rounds." in text


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        ("aten::convolution_backward", "convolution"),
        ("aten::native_group_norm", "group norm"),
        ("aten::mm", "matrix product"),
        ("aten::_softmax", "softmax and attention"),
        ("aten::silu_backward", "activation"),
        ("aten::_to_copy", "dtype and layout"),
        ("aten::linalg_vector_norm", "reduction"),
        ("aten::mul", "elementwise"),
        ("aten::normal_", "random numbers"),
        ("Optimizer.step#Muon.step", "other"),
    ],
)
def test_operators_are_sorted_by_kind(operator: str, expected: str) -> None:
    assert kind(operator) == expected
