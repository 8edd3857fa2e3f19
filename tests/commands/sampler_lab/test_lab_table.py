"""The table of a sampler lab: a line for each setting, and the recommendation with its reason."""

from __future__ import annotations

from ddpm.commands.sampler_lab.lab_table import format_setting, lab_table, recommendation
from tests.commands.sampler_lab.example_lab import LAB


def test_each_setting_is_a_line_with_its_verdict() -> None:
    lines = lab_table(LAB).splitlines()
    rows = [line.split() for line in lines if line.startswith(("ddim", "unipc", "ancestral"))]
    assert rows == [
        ["ddim", "4", "trailing", "4", "6.00", "1.25", "9.00", "[8.00,", "10.0]", "2.25", "recommended"],
        ["ddim", "2", "trailing", "2", "3.00", "1.25", "30.0", "[29.0,", "31.0]", "7.50"],
        ["unipc", "4", "trailing", "4", "6.00", "1.25", "8.00", "[7.00,", "9.00]", "2.00", "best"],
        ["ancestral", "1000", "trailing", "1,000", "1,500", "–", "8.50", "[7.50,", "9.50]", "2.12",
         "as", "good", "as", "the", "best"],
    ]  # fmt: skip
    assert "value      FD-digits (n=20, train ref), seeds 0-19" in lines


def test_the_recommendation_says_why() -> None:
    assert recommendation(LAB).splitlines() == [
        "recommended: ddim, 4 steps, trailing, 4 evaluations: the cheapest that is not distinguishable "
        "from the best (unipc, 4 steps, trailing) at n=20",
        "runs/mine samples like this by default from now on",
    ]
    best = recommendation({**LAB, "recommended": 2}).splitlines()[0]
    assert best == "recommended: unipc, 4 steps, trailing, 4 evaluations: the best"
    assert format_setting(LAB["points"][1]) == "ddim, 2 steps, trailing"
