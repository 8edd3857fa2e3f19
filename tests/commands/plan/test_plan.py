"""`ddpm plan` against a small real run: time, memory and disk; nothing is written."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from ddpm.commands.doctor.diagnose import diagnose
from ddpm.commands.plan import benchmark
from ddpm.commands.plan import plan as workflow
from ddpm.commands.plan.benchmark import measure
from ddpm.commands.plan.plan import PlanRequest, plan
from ddpm.commands.plan.plan_table import plan_text
from ddpm.commands.plan.recorded_runs import expectation, recorded_runs
from ddpm.commands.train.train import train
from ddpm.config import Config, with_overrides
from ddpm.loading.targets import TargetRequest
from ddpm.models.registry import make_model
from ddpm.presets import get_preset
from ddpm.runs import RunFolder

NARROW = "network.channels=8"
HEALTHY = (
    NARROW,
    "training.steps=120",
    "training.batch_size=16",
    "training.learning_rate=1e-2",
    "training.warmup=6",
    "training.ema=0.99",
    "training.checkpoint_every=40",
    "training.preview_every=120",
    "training.heldout_every=10",
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> RunFolder:
    """A small healthy run on the digits, finished with its pictures."""
    config = with_overrides(get_preset("digits").config, HEALTHY)
    return train(config, tmp_path_factory.mktemp("runs") / "digits", device="cpu").run


@pytest.fixture(autouse=True)
def workplace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> Callable[[], list[tuple[str, int]]]:
    """An empty folder as the current one; steps are measured for a moment only."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(benchmark, "DRAW_SECONDS", 0.1)
    monkeypatch.setattr(workflow, "measure", lambda images, where, *_: measure(images, where, 0.01))

    def files() -> list[tuple[str, int]]:
        found = [*tmp_path.rglob("*"), *cache.rglob("*")]
        return sorted((str(path), path.stat().st_mtime_ns) for path in found)

    return files


def planned(
    target: str, *overrides: str, minutes: float | None = None, **asked: Any
) -> dict[str, Any]:
    narrow = (NARROW,) if target == "digits" else ()
    asked["overrides"] = (*narrow, *overrides)
    return plan(PlanRequest(target, device="cpu", minutes=minutes, **asked))


def test_the_predicted_disk_is_the_runs(finished: RunFolder) -> None:
    found = planned(str(finished.root))
    there = {path: path.stat().st_size for path in finished.root.rglob("*") if path.is_file()}
    assert found["disk"]["total"] == pytest.approx(sum(there.values()), rel=0.05)
    assert found["disk"]["checkpoints_kept"] == len(finished.checkpoint_steps()) == 3
    weights = sum(n for path, n in there.items() if path.suffix == ".safetensors")
    assert 3 * found["checkpoint"] == pytest.approx(weights, rel=1e-3)
    assert found["disk"]["log"] == pytest.approx(finished.metrics.stat().st_size, rel=0.05)
    assert found["parameters"] == finished.load_environment()["parameters"]


def test_a_plan_is_whole_and_plain(finished: RunFolder) -> None:
    found = planned("digits")
    assert json.loads(json.dumps(found)) == found
    assert (found["steps"], found["images_seen"]) == (600, 38_400)
    assert found["epochs"] == pytest.approx(38_400 / 1753)
    assert found["images_per_second"] == pytest.approx(64 / found["seconds_a_step"])
    assert found["seconds"] >= 600 * found["seconds_a_step"]
    assert found["utilization"] is None  # a processor has no peak to compare with
    assert found["training_memory"] > 2**26 and found["drawing_memory"] > 2**26
    lines = plan_text(found).splitlines()
    assert [line.split()[0] for line in lines] == [
        "plan", "measured", "speed", "time", "memory", "sampling", "disk", "expect",
    ]  # fmt: skip
    assert "1,753 images of digits" in lines[1] and "no recorded run of digits" in lines[-1]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a graphics card")
def test_a_card_with_a_number_is_planned_with_its_utilization() -> None:
    found = plan("digits", device="cuda:0")
    assert found["utilization"] is None or 0 < found["utilization"] < 1


@pytest.mark.parametrize("known", [True, False])
def test_nothing_is_written(
    workplace: Callable[[], Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, known: bool
) -> None:
    if not known:
        monkeypatch.setenv("DDPM_CACHE_DIR", str(tmp_path / "new"))
    before = workplace()
    found = planned("digits", minutes=0.001)
    diagnose(TargetRequest("digits"))
    assert workplace() == before
    assert ("noise shaped like the images, about 1,797" in found["images"]) is not known
    assert found["shape"] == [1, 8, 8]


def test_a_set_that_is_not_here_is_stood_in_for() -> None:
    found = planned("mnist", "network.channels=8", "training.batch_size=4")
    assert found["shape"] == [1, 28, 28] and "about 60,000" in found["images"]
    assert found["epochs"] == pytest.approx(4000 * 4 / 60_000)
    epochs = planned(
        "mnist-assignment", "network.blocks=1", "training.batch_size=16", "sampling.steps=2"
    )
    assert epochs["steps"] == math.ceil(30 * 60_000 / 16)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("labels", ["kmeans:7", "kmeans:12"])
def test_groups_are_planned_for_as_they_will_be_learned(
    finished: RunFolder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, known: bool, labels: str
) -> None:
    """The digits have ten classes of their own, which such a run does not learn."""
    if not known:
        monkeypatch.setenv("DDPM_CACHE_DIR", str(tmp_path / "new"))
    config = with_overrides(get_preset("digits").config, [NARROW, f"data.labels={labels}"])
    spec = workflow.offline_data(config).spec
    assert spec.num_classes == config.data.clusters == len(spec.class_counts)
    found, drawn = planned("digits", f"data.labels={labels}"), make_model(spec)
    assert found["parameters"] == drawn.parameter_counts()


def test_minutes_of_a_preset_become_steps() -> None:
    found = planned("digits", "training.minutes=1")
    assert found["steps"] * found["seconds_a_step"] <= 60
    assert found["steps"] > 1


def test_a_dcgan_is_planned_too() -> None:
    found = planned("dcgan-mnist", "gan.channels=8", "training.batch_size=4")
    assert set(found["parameters"]) == {"generator", "discriminator"}
    assert found["drawing"] == "one pass of the generator" and found["disk"]["pictures"] < 10**6


def test_a_smaller_size_of_the_preset_comes_before_a_narrower_network(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[Config] = []

    def quick(images: Any, where: Any, *rest: Any) -> Any:
        seen.append(images.spec.config)
        tiny = with_overrides(get_preset("digits").config, ["network.channels=8"])
        return measure(workflow.offline_data(tiny), where, 0.01)

    monkeypatch.setattr(benchmark, "DRAW_SECONDS", 0.1)
    monkeypatch.setattr(workflow, "measure", quick)
    found = planned("anime", scale="big-gpu", minutes=0.01)
    assert [config.scale for config in seen] == ["big-gpu", "small-gpu", "cpu"]
    assert [row["command"] for row in found["proposals"]] == [
        "ddpm train anime --minutes 0.01 --scale big-gpu",
        "ddpm train anime --minutes 0.01 --scale small-gpu",
        "ddpm train anime --minutes 0.01 --scale cpu",
    ]
    assert "short of 2,235,392" in plan_text(found)


def test_copies_are_expected_of_many_passes(finished: RunFolder) -> None:
    often = planned("digits", "training.steps=20000")
    assert "730 passes over 1,753 images" in often["expect"]
    assert often["expect"].endswith("expect copies")
    assert "copies" not in planned("digits", "training.steps=2000")["expect"]
    config = with_overrides(get_preset("anime").config, ["data.path=faces.zip"])
    few = expectation(config, 640_000, recorded_runs(config), 58)
    assert "no expectation; 11,034 passes over 58 images" in few
