"""Measurements of single settings: records, the fine solution, and Gaussian data with a known answer."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ddpm.commands.sampler_lab import lab_benchmark
from ddpm.commands.sampler_lab.candidates import plan_candidates
from ddpm.commands.sampler_lab.lab_benchmark import SamplerBenchmark
from ddpm.data.pixels import to_uint8
from ddpm.diffusion.samplers import Prediction, starting_noise
from ddpm.evaluation.paired_distance import make_paired_distance
from ddpm.loading.models import open_model
from ddpm.models.ddpm import Ddpm
from ddpm.randomness import ImageNoise
from ddpm.runs import RunFolder
from ddpm.scoring.paired import sample_seeds
from tests.conftest import MakeRun


@pytest.fixture(autouse=True)
def short_solution(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fine solution of few steps."""
    monkeypatch.setattr(lab_benchmark, "FINE_STEPS", 20)


@pytest.fixture(scope="module")
def run(make_run: MakeRun) -> RunFolder:
    return RunFolder(make_run("mine", (1, 8, 8), data="digits"))


@pytest.fixture
def bench(run: RunFolder, tmp_path: Path) -> SamplerBenchmark:
    model = open_model(str(run.root), "cpu").model
    assert isinstance(model, Ddpm)
    real = torch.randint(0, 256, (60, 1, 8, 8), dtype=torch.uint8)
    distance = make_paired_distance("fd", (real[:30], real[30:]), PixelMean(), 10)
    return SamplerBenchmark(model, "weights", distance, tmp_path, range(10))


HARM: dict[str, Any] = {
    "replicates": [None, [1.0], "many", [None] * 201],
    "evaluations": [None, "4", True],
    "seconds_per_image": [None, []],
    "solver_error": ["none", {}],
}


def test_a_damaged_record_is_measured_anew(bench: SamplerBenchmark) -> None:
    (point,) = plan_candidates(bench.model, ["ddim"], [2], [])
    record, file = bench.measure(point), bench.record_file(point)
    assert bench.load_record(point) == json.loads(json.dumps(record))
    assert len(record["replicates"]) == 201
    for key, values in HARM.items():
        for harmed in [{**record, key: value} for value in values]:
            file.write_text(json.dumps(harmed), "utf-8")
            assert bench.load_record(point) is None, harmed[key]
        file.write_text(json.dumps({k: v for k, v in record.items() if k != key}), "utf-8")
        assert bench.load_record(point) is None, key
    file.write_text("[]", "utf-8")
    assert bench.load_record(point) is None


def test_a_damaged_fine_path_is_followed_anew(bench: SamplerBenchmark) -> None:
    settings = bench.model.spec.config.sampling
    whole = bench.fine_images(settings)
    (file,) = bench.folder.glob("fine-*.npz")
    stored = file.read_bytes()
    for harmed in (b"", b"nothing", stored[: len(stored) // 2]):
        file.write_bytes(harmed)
        assert np.array_equal(bench.fine_images(settings), whole)
        assert file.read_bytes() == stored
    np.savez_compressed(file, images=whole[:3])
    assert np.array_equal(bench.fine_images(settings), whole)
    np.savez_compressed(file, others=whole)
    assert np.array_equal(bench.fine_images(settings), whole)


@pytest.mark.parametrize(
    ("place", "name", "value"),
    [(lab_benchmark, "RECORD_VERSION", 3), (torch, "__version__", "9.9")],
)
def test_points_of_another_program_are_not_taken_for_its_own(
    bench: SamplerBenchmark, monkeypatch: pytest.MonkeyPatch, place: Any, name: str, value: Any
) -> None:
    settings = bench.model.spec.config.sampling
    before = bench.key(settings)
    monkeypatch.setattr(place, name, value)
    assert bench.key(settings) != before


def exact(model: Ddpm, mean: float, std: float) -> Any:
    """The best denoiser of pixels that are all N(mean, std²), whatever the network says."""

    def denoiser(labels: Any, settings: Any, **more: Any) -> Any:
        def denoise(x: Tensor, t: Tensor) -> Prediction:
            signal, sigma = model.schedule.at(t, x)
            model.learner.ema.network(x, t, None)  # the question counts, the answer does not
            gain = signal * std**2 / (signal**2 * std**2 + sigma**2)
            return Prediction(mean + gain * (x - signal * mean))

        return denoise

    return denoiser


class PixelMean:
    """Features of which the mean and the spread over images are known: two pixels."""

    name, weights_hash, resize = "pixels", "none", "none"

    def features(self, images: Tensor) -> Tensor:
        return images[:, 0, 3:5, 3].float()


@pytest.mark.parametrize("sampler", ["ddim", "heun", "dpm++2m", "unipc"])
def test_on_gaussian_data_the_curve_comes_down_to_the_exact_path(
    run: RunFolder, sampler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """x_T = sigma_T noise goes to mean + std x_T / √(signal_T² std² + sigma_T²), pixel by pixel."""
    model = open_model(str(run.root), "cpu").model
    assert isinstance(model, Ddpm)
    mean, std = -0.2, 0.3
    monkeypatch.setattr(model, "denoiser", exact(model, mean, std))
    monkeypatch.setattr(lab_benchmark, "FINE_STEPS", 60)
    real = to_uint8(
        mean + std * torch.randn(400, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    )
    distance = make_paired_distance("fd", (real[:200], real[200:]), PixelMean(), 25)
    bench = SamplerBenchmark(model, "weights", distance, tmp_path, range(25))
    budgets = (12, 24, 48) if sampler == "heun" else (3, 6, 12, 25)
    points = plan_candidates(model, [sampler], budgets, ["sampling.spacing=log-snr"])
    records = [bench.measure(point) for point in points]
    path = model.levels(points[0].settings)
    x = starting_noise(path, ImageNoise(bench.seeds, (1, 8, 8)))
    signal, sigma = float(path.signal[0]), float(path.sigma[0])
    end = mean + std * (x - signal * mean) / math.hypot(signal * std, sigma)
    exact_images = to_uint8(end).numpy().astype(float)
    for point, record in zip(points, records, strict=True):
        assert record["evaluations"] == point.cost.evaluations
        images = sample_seeds(bench.model, bench.seeds, point.settings).astype(float)
        distance = np.sqrt(((images - exact_images) ** 2).mean(axis=(1, 2, 3))).mean()
        assert record["solver_error"] == pytest.approx(distance, abs=1.0)
    errors = [record["solver_error"] for record in records]
    rounding = 0.3  # steps of 8 bits
    assert all(later < earlier + rounding for earlier, later in itertools.pairwise(errors))
    assert errors[-1] < errors[0] / 4
    distances = [record["replicates"][0] for record in records]
    assert distances[-1] < distances[0]
