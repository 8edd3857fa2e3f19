"""One distance of many sets: the same numbers as `score_rows`, paired intervals, the rule of choice."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from ddpm.evaluation.features import FeatureNetwork
from ddpm.evaluation.image_sets import ImageSets
from ddpm.evaluation.paired_distance import (
    DISTANCES,
    cheapest_indistinguishable,
    indistinguishable_from_best,
    make_paired_distance,
    paired_interval,
)
from ddpm.evaluation.scores import score_rows

Draw = Callable[..., Tensor]


@pytest.mark.parametrize("metric", DISTANCES)
def test_a_point_has_the_numbers_that_evaluate_gives(
    make_images: Draw, network: FeatureNetwork, metric: str
) -> None:
    generated, reference, floor = (
        make_images(count, seed=i) for i, count in enumerate((40, 120, 90))
    )
    sets = ImageSets(generated, reference, floor, independent=True)
    wanted = next(row for row in score_rows(sets, network, seed=3) if row["metric"] == metric)
    distance = make_paired_distance(metric, (reference, floor), network, 40, 3)
    row = distance.row(distance.measure(generated))
    assert len(row) > 6
    assert row == {key: wanted[key] for key in row}
    assert (distance.label, distance.protocol) == (wanted["label"], wanted["protocol"])


def around(value: float, spread: Tensor) -> Tensor:
    """A value with replicates whose median it is."""
    return torch.cat([torch.tensor([value]), value + spread - spread.median()]).double()


def test_what_two_sets_have_in_common_drops_out_of_their_difference() -> None:
    generator = torch.Generator().manual_seed(0)
    common, own = torch.randn(2, 201, generator=generator)
    one, other = around(20.0, 3 * common), around(21.0, 3 * common + 0.1 * own)
    low, high = paired_interval(other, one, "difference")
    assert 0.7 < low < 1 < high < 1.3
    low, high = paired_interval(other, around(20.0, 3 * common.flip(0)), "difference")
    assert low < 0 < high  # the same intervals, unpaired
    assert paired_interval(one, one, "difference") == (0.0, 0.0)


def test_the_rule_takes_the_cheapest_of_those_as_good_as_the_best() -> None:
    spread = torch.linspace(-1, 1, 101)
    crossed = spread.flip(0)  # as independent as can be
    values = [
        around(30.0, spread),  # 4 evaluations, surely worse
        around(20.5, crossed),  # 6, a little worse, but not surely
        around(20.4, spread),  # 8, a little worse, and surely: paired with the best
        around(20.2, crossed),  # 8, not surely
        around(20.0, spread),  # 50, the best
    ]
    assert indistinguishable_from_best(values, "difference") == [False, True, False, True, True]
    assert cheapest_indistinguishable(values, [4, 6, 8, 8, 50], "difference") == 1
    assert cheapest_indistinguishable(values[2:], [8, 8, 50], "difference") == 1
    assert (
        cheapest_indistinguishable(values[3:], [50, 50], "difference") == 1
    )  # equally cheap: the better
    assert cheapest_indistinguishable(values[:1], [4], "difference") == 0
