"""`ddpm evaluate` as a library call, on the digits of the package and models with random weights."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ddpm.commands.evaluate.evaluate import evaluate
from ddpm.data.catalogue import locate
from ddpm.errors import RequestError
from ddpm.evaluation.protocol import require_same_protocol
from ddpm.messages import join_sentences
from ddpm.runs import RunFolder
from ddpm.scoring.evaluation_request import EvaluationRequest
from ddpm.scoring.measurement import measure
from ddpm.scoring.scoring_setup import feature_cache
from tests.conftest import MakeRun


@pytest.fixture(scope="module", autouse=True)
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("evaluate")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield folder


@pytest.fixture(scope="module")
def digits() -> np.ndarray:
    with np.load(locate("digits", data_dir=None, cache_dir=Path("cache"))) as stored:
        return stored["images"]


@pytest.fixture(scope="module")
def run(make_run: MakeRun) -> RunFolder:
    return RunFolder(make_run("noisy", (1, 8, 8), data="digits"))


@pytest.fixture(scope="module")
def evaluated(run: RunFolder) -> dict[str, Any]:
    return measure(EvaluationRequest(str(run.root), n=30, likelihood=3)).evaluation


def by_name(evaluation: dict[str, Any]) -> dict[str, Any]:
    return {row["metric"]: row for row in evaluation["rows"]}


def test_rows_hold_every_metric_with_protocol_interval_and_floor(evaluated: dict[str, Any]) -> None:
    rows = by_name(evaluated)
    assert list(rows)[:3] == ["fd", "kid", "is"] and list(rows)[-2:] == ["bits-bound", "bits-ode"]
    distance = rows["fd"]
    assert distance["label"] == "FD-digits (n=30, train ref)"
    assert distance["ratio_low"] > 1  # random weights draw no digits
    assert f"reference={evaluated['reference']['hash']}" in distance["protocol"]
    for row in evaluated["rows"]:
        assert row["low"] <= row["value"] <= row["high"] and math.isfinite(row["value"])
        assert row["protocol"].startswith(f"metric={row['metric']} | ")
    assert rows["bits-ode"]["n"] == 3 and rows["bits-ode"]["floor"] is None


def test_the_same_request_gives_the_same_rows(evaluated: dict[str, Any], run: RunFolder) -> None:
    again = measure(EvaluationRequest(str(run.root), n=30, likelihood=3))
    assert again.evaluation["rows"] == evaluated["rows"]
    assert again.images.shape == (30, 1, 8, 8) and again.images.dtype == torch.uint8
    assert again.sets.independent and torch.equal(again.sets.generated, again.images)
    kept = set(feature_cache().iterdir())
    other = measure(EvaluationRequest(str(run.root), n=30, likelihood=0, seed=30)).evaluation
    assert set(feature_cache().iterdir()) == kept  # features of real images alone
    assert other["seeds"] == [30, 59] and "bits-ode" not in by_name(other)
    with pytest.raises(RequestError, match="seed 0 and 30"):
        require_same_protocol([evaluated["rows"][0], other["rows"][0]])


def test_drawn_images_score_the_same_from_files_but_for_the_ratio(run: RunFolder) -> None:
    drawn = measure(EvaluationRequest(str(run.root), n=100, likelihood=0))
    np.save("drawn.npy", drawn.images.numpy())
    given = evaluate(EvaluationRequest("drawn.npy", reference="digits"))
    assert (given["kind"], given["model"], given["seeds"]) == ("images", None, None)
    assert given["n"] == 100 and join_sentences(given["notes"]).startswith(
        "n is 100 instead of 1000"
    )
    ours, theirs = by_name(drawn.evaluation)["fd"], by_name(given)["fd"]
    require_same_protocol([ours, theirs])
    assert (theirs["value"], theirs["floor"]) == (ours["value"], ours["floor"])
    assert theirs["ratio_low"] < ours["ratio_low"]  # files may have been collected in series


def test_real_digits_score_one_and_shuffled_pixels_many(digits: np.ndarray) -> None:
    order = np.random.default_rng(0).permutation(64)
    np.save("real.npy", digits[100:200])
    np.save("shuffled.npy", digits[100:200].reshape(100, 64)[:, order].reshape(-1, 1, 8, 8))
    real, shuffled = (
        by_name(measure(EvaluationRequest(f"{name}.npy", "digits")).evaluation)["fd"]
        for name in ("real", "shuffled")
    )
    assert real["ratio_low"] < 1 < real["ratio_high"]
    assert shuffled["ratio_low"] > 3


def test_a_broken_image_among_many_is_left_out_and_said(digits: np.ndarray) -> None:
    """Without -n, all decodable images are scored, and a note names the broken one."""
    Path("given").mkdir()
    for index, image in enumerate(digits[:31]):
        Image.fromarray(image[0]).save(f"given/{index:02}.png")
    whole = Path("given/30.png").read_bytes()
    Path("given/30.png").write_bytes(whole[: len(whole) // 2])
    evaluation = measure(EvaluationRequest("given", "digits")).evaluation
    assert evaluation["n"] == 30
    assert "1 broken image is left out: 30.png " in join_sentences(evaluation["notes"])
    with pytest.raises(RequestError, match=r"holds only 30 \(1 broken image .*30\.png.*use -n 30"):
        measure(EvaluationRequest("given", "digits", n=31))


def test_too_many_are_lowered_for_both_and_said(run: RunFolder) -> None:
    evaluation = measure(EvaluationRequest(str(run.root), n=900, likelihood=0)).evaluation
    assert evaluation["n"] == evaluation["floor"]["count"] == 876
    assert "n lowered from 900 to 876" in join_sentences(evaluation["notes"])
    assert evaluation["rows"][0]["notes"] == evaluation["notes"]


def test_a_dcgan_is_measured_like_any_other(make_run) -> None:
    run = make_run("gan", (1, 28, 28), model="dcgan")
    np.save("large.npy", np.random.default_rng(0).integers(0, 256, (120, 1, 28, 28), np.uint8))
    evaluation = measure(
        EvaluationRequest(str(run), "large.npy", n=20, network="digits")
    ).evaluation
    assert evaluation["model"] == "dcgan" and evaluation["drawn"] == {"code": "generator_pass"}
    assert "bits-ode" not in by_name(evaluation)
