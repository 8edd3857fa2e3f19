from __future__ import annotations

import json

import pytest
import torch

from ddpm.errors import RequestError
from ddpm.evaluation.image_sets import ImageSets
from ddpm.evaluation.metrics import METRICS
from ddpm.evaluation.protocol import content_hash, require_same_protocol
from ddpm.evaluation.scores import bootstrap_weights, distance_numbers, score_rows
from ddpm.messages import join_sentences


@pytest.fixture
def sets(make_images) -> ImageSets:
    return ImageSets(make_images(150, 1), make_images(400, 0), make_images(300, 2))


def by_name(rows: list) -> dict:
    return {row["metric"]: row for row in rows}


def test_real_images_have_a_ratio_of_one_and_shuffled_pixels_a_large_one(sets, classifier) -> None:
    good = by_name(score_rows(sets, classifier))["fd"]
    assert good["ratio_low"] < 1 < good["ratio_high"]
    assert good["low"] < good["value"] < good["high"]
    order = torch.randperm(256, generator=torch.Generator().manual_seed(0))
    shuffled = sets.generated.flatten(2)[..., order].view_as(sets.generated)
    bad = by_name(score_rows(ImageSets(shuffled, sets.reference, sets.floor), classifier))["fd"]
    assert bad["ratio_low"] > 3
    assert bad["floor"] == good["floor"]


def test_drawn_images_are_held_against_scattered_real_ones_alone(make_images, network) -> None:
    """Real images in series of equal brightness: a row of them is farther from the reference."""
    levels = torch.linspace(0.4, 1, 30).repeat_interleave(20)[:, None, None, None]
    series = (make_images(600, 2) * levels).byte()
    order = torch.randperm(600, generator=torch.Generator().manual_seed(5))
    generated, reference = (make_images(600, 3) * levels).byte()[order[:100]], series[order[:300]]
    collected = ImageSets(generated, reference, series)
    drawn = ImageSets(generated, reference, series, independent=True)
    wide, strict = (by_name(score_rows(sets, network))["fd"] for sets in (collected, drawn))
    assert (strict["value"], strict["floor"]) == (wide["value"], wide["floor"])
    assert strict["floor_high"] < wide["floor_high"] / 2
    assert strict["ratio_low"] > 2 * wide["ratio_low"]


def test_copies_of_a_floor_that_was_trained_on_are_found(make_images, network) -> None:
    reference, floor = make_images(200, 0), make_images(200, 1)
    half = torch.cat([floor[:50], make_images(50, 2)])
    fresh, trained = (
        by_name(score_rows(ImageSets(half, reference, floor, trained=known), network))
        for known in ((), (floor,))
    )
    assert (fresh["copies-pixels"]["value"], trained["copies-pixels"]["value"]) == (0, 0.5)
    assert trained["copies-features"]["value"] >= 0.5
    assert trained["copies-pixels"]["floor"] == 0  # the floor's images are no copies of themselves
    assert trained["fd"] == fresh["fd"]


def test_rows_are_plain_and_complete(sets, classifier) -> None:
    rows = score_rows(sets, classifier, n=100)
    assert json.loads(json.dumps(rows)) == rows
    for row in rows:
        assert row["n"] == 100
        assert row["low"] >= 0 or row["metric"] == "kid"  # the only one that may be below zero
        assert row["notes"] == []
        assert row["low"] <= row["value"] + 1e-9 and row["value"] <= row["high"] + 1e-9
        assert row["floor_low"] - 1e-9 <= row["floor"] <= row["floor_high"] + 1e-9
        assert ("ratio" in row) == (row["metric"] in ("fd", "kid"))
        assert f"reference={content_hash(sets.reference)}" in row["protocol"]
    rows = by_name(rows)
    assert rows["fd"]["label"] == "FD-projection (n=100, train ref)"
    assert "network=projection" in rows["fd"]["protocol"]
    assert "network=pixels" in rows["detail"]["protocol"]
    assert rows["is"]["better"] == "higher"


def test_the_same_request_gives_the_same_rows(sets, network, tmp_path) -> None:
    first = score_rows(sets, network, n=60, seed=3, cache=tmp_path)
    assert score_rows(sets, network, n=60, seed=3, cache=tmp_path) == first
    other = score_rows(sets, network, n=60, seed=4, cache=tmp_path)
    assert by_name(other)["fd"]["value"] != by_name(first)["fd"]["value"]
    with pytest.raises(RequestError, match="seed 3 and 4"):
        require_same_protocol([first[0], other[0]])


def test_a_small_floor_lowers_n_and_says_so(sets, network) -> None:
    small = ImageSets(sets.generated, sets.reference, sets.floor[:40])
    rows = score_rows(small, network)
    assert rows[0]["n"] == 40
    assert (
        join_sentences(rows[0]["notes"])
        == "n lowered from 150 to 40: only 40 real images are not in the reference"
    )
    with pytest.raises(RequestError, match="n 150 and 40"):
        require_same_protocol([score_rows(sets, network)[0], rows[0]])


def test_a_kernel_distance_has_no_ratio_to_a_floor_of_nothing(sets, network) -> None:
    row = by_name(score_rows(sets, network))["kid"]
    assert row["floor_low"] <= 0
    assert row["ratio"] is None


def test_nor_to_one_that_was_below_zero_in_one_set_of_many() -> None:
    """Between 19 sets of 1 and one of -0.1 the 2.5 % quantile is above zero: ratios from -100 on."""
    values = torch.linspace(9, 11, 201, dtype=torch.float64)
    floors = torch.ones(20, dtype=torch.float64)
    nothing = floors[:0]
    known = distance_numbers(METRICS["kid"], values, values, (floors, nothing))
    assert known["ratio"] == 9 and known["ratio_low"] > 0
    floors[7] = -0.1
    row = distance_numbers(METRICS["kid"], values, values, (floors, nothing))
    assert row["floor_low"] > 0 and row["floor"] == pytest.approx(0.945)
    assert (row["ratio"], row["ratio_low"], row["ratio_high"]) == (None, None, None)


def test_only_a_dear_distance_has_fewer_replicates_and_only_in_many_features() -> None:
    rows = {
        name: len(bootstrap_weights(metric, 10, 2048, 0)) - 1 for name, metric in METRICS.items()
    }
    assert rows == {**dict.fromkeys(METRICS, 200), "fd": 40}
    assert len(bootstrap_weights(METRICS["fd"], 10, 512, 0)) - 1 == 200


def test_features_of_generated_images_are_not_kept(sets, network, tmp_path) -> None:
    rows = score_rows(sets, network, cache=tmp_path)
    assert len(list(tmp_path.iterdir())) == 2  # of the reference and the floor
    taken = network.features(sets.generated)
    network.seen.clear()
    assert score_rows(sets, network, cache=tmp_path, features=taken) == rows
    assert network.seen == []
