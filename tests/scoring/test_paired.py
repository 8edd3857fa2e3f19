"""Paired comparisons: one setup and the same seeds for every generator."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ddpm.loading.models import open_model
from ddpm.scoring.evaluation_request import EvaluationRequest
from ddpm.scoring.measurement import measure
from ddpm.scoring.paired import best_index, interval_of, prepare_comparison, sample_seeds


def test_a_comparison_gives_the_numbers_of_an_evaluation(
    make_run, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Same images, reference and floor as `measure`; darker images are worse, and said to be."""
    monkeypatch.chdir(tmp_path)
    request = EvaluationRequest(
        str(make_run("noisy", (1, 8, 8), data="digits")), n=30, seed=5, likelihood=0, device="cpu"
    )
    opened = open_model(request.target, "cpu")
    settings = opened.model.spec.config.sampling
    comparison = prepare_comparison(request, opened, settings, "fd")
    assert comparison.seeds == range(5, 35)
    images = sample_seeds(opened.model, comparison.seeds, settings)
    assert images.shape == (30, 1, 8, 8) and images.dtype == np.uint8
    row = measure(request).evaluation["rows"][0]
    drawn = torch.from_numpy(images)
    values = [comparison.distance.measure(part) for part in (drawn, drawn // 4)]
    first, second = comparison.rows(values)
    assert {key: row[key] for key in first if key != "as_good"} == {
        key: first[key] for key in first if key != "as_good"
    }
    assert best_index(values) == 0 and (first["as_good"], second["as_good"]) == (True, False)
    floor = comparison.floor()
    assert interval_of(floor) == (row["floor"], row["floor_low"], row["floor_high"])
    facts = comparison.facts()
    assert facts["protocol"] == row["protocol"] and facts["label"] == row["label"]
    assert facts["seeds"] == [5, 34] and facts["floor"].items() <= floor.items()
