"""Growth in closed form: powers and straight lines are found again."""

from __future__ import annotations

import pytest

from benchmarks.fit import exponent, line

X = [1.0, 2.0, 4.0, 8.0, 16.0]


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0, 2.0])
def test_the_exponent_of_a_power_is_its_own(power: float) -> None:
    assert exponent(X, [3 * x**power for x in X]) == pytest.approx(power)


def test_the_exponent_looks_at_the_larger_half() -> None:
    bent = [5.0, 5.0, 4.0, 8.0, 16.0]
    assert exponent(X, bent) == pytest.approx(1)
    assert exponent(X[::-1], bent[::-1]) == pytest.approx(1)  # whatever the order


def test_a_straight_line_is_found_exactly() -> None:
    found = line(X, [7 + 2 * x for x in X])
    assert (found.fixed, found.slope) == pytest.approx((7, 2))
    assert found.off == pytest.approx(0, abs=1e-12)
    assert found.at(100) == pytest.approx(207)


def test_a_fixed_part_is_never_negative() -> None:
    found = line(X, [x**2 for x in X])
    assert found.fixed == 0
    assert found.off > 0.4


def test_no_slope_weighs_less_than_the_one_found() -> None:
    y = [1.0, 2.5, 3.0, 9.0, 15.0]
    found = line(X, y)

    def squares(fixed: float, slope: float) -> float:
        return sum((fixed / b + slope * a / b - 1) ** 2 for a, b in zip(X, y, strict=True))

    least = squares(found.fixed, found.slope)
    for nudge in (0.98, 1.02):
        assert squares(found.fixed, found.slope * nudge) > least
    assert squares(found.fixed + 0.02, found.slope) > least
