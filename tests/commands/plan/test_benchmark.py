"""Cost of a configuration, measured on this machine and compared with the files that training writes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ddpm.commands.plan import benchmark
from ddpm.commands.plan.benchmark import measure
from ddpm.config import with_overrides
from ddpm.errors import WorkError
from ddpm.loading.offline import OfflineData, offline_data
from ddpm.messages import message
from ddpm.models.registry import make_model
from ddpm.presets import get_preset
from ddpm.training import checkpoint
from ddpm.training.faults import OutOfMemoryError

CPU = torch.device("cpu")


@pytest.fixture
def data() -> OfflineData:
    tiny = ["network.channels=8", "training.batch_size=4", "sampling.steps=6"]
    return offline_data(with_overrides(get_preset("digits").config, tiny))


def test_the_cost_is_that_of_the_models_files_and_steps(data: OfflineData, tmp_path: Path) -> None:
    cost = measure(data, CPU, seconds=0.01)
    model = make_model(data.spec)
    model.training_step(*data.batches.batch(0), step=0)  # from then on the optimizer has moments
    checkpoint.save(tmp_path / "step", model.state(), data.spec, {"step": 1, "seconds": 1.0})
    files = sum(p.stat().st_size for p in (tmp_path / "step").glob("*.safetensors"))
    assert cost.checkpoint == pytest.approx(files, rel=0.02)
    assert cost.parameters == model.parameter_counts()
    assert cost.images_per_second * cost.seconds_a_step == pytest.approx(4)
    assert cost.shape == (1, 8, 8) and cost.moments == 7
    assert cost.row > cost.heldout_row > 20 and cost.preview > 500


def test_a_long_drawing_is_extrapolated(data: OfflineData, monkeypatch: pytest.MonkeyPatch) -> None:
    """By this clock a frame takes 3 s, so two of six steps are drawn before 5 s have passed."""
    clock = iter(range(0, 300, 3))
    monkeypatch.setattr(benchmark.time, "perf_counter", lambda: float(next(clock)))
    seconds, moments = benchmark._time_sampling(make_model(data.spec))
    chunk = data.spec.config.sampling.chunk
    assert moments == 7
    assert seconds == pytest.approx(9 * (6 / 2) * 25 / chunk)  # begin, two frames, end


def test_a_step_without_memory_names_the_settings_to_change(
    data: OfflineData, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lack(*arguments: object) -> None:
        raise OutOfMemoryError(message("out_of_memory", step=3))

    monkeypatch.setattr(benchmark, "time_steps", lack)
    with pytest.raises(WorkError, match=r"Use a larger training\.accumulate or a smaller"):
        measure(data, CPU)
