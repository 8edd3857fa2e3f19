"""The table sets each walk beside the default above it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from benchmarks.drawing import measured, table
from ddpm.models.ddpm import Ddpm
from ddpm.training.checkpoint import save_weights


def test_a_walk_is_compared_with_the_default_above_it() -> None:
    machine = {
        "processor": "p", "cores": 2, "threads": 2, "torch": "t", "python": "p", "commit": "c",
        "load_before": 0.0,
    }  # fmt: skip
    names = ("as it draws by default", "ancestral, every level", "the default, unguided",
             "ancestral, every level, unguided")  # fmt: skip
    taken = dict(zip(names, ([0.01, 0.03, 0.02], [2.0], [0.005], [1.0]), strict=True))
    result = {
        "machine": machine,
        "target": "t",
        "drawings": dict.fromkeys(names, "d"),
        "seconds": taken,
    }
    ends = [row.rsplit("|", 2)[-2].strip() for row in table(result).splitlines()[2:6]]
    assert ends == ["1", "100", "1", "200"]


def test_every_way_is_timed(small_ddpm: Callable[..., Ddpm]) -> None:
    model = small_ddpm("sampling.chunk=8", classes=3)
    save_weights(Path("tiny.safetensors"), model.state()["ema"], model.spec)
    found = measured("tiny.safetensors", rounds=1)
    assert len(found["seconds"]) == 4
    assert all(time > 0 for times in found["seconds"].values() for time in times)
    assert found["drawings"]["ancestral, every level"].startswith("ancestral, ")
