"""Handed-in weights: opened without running anything, and near-equal ones found by their sketch."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from ddpm.commands.export.export import export
from ddpm.commands.grade.handed_weights import (
    NEAR_DISTANCE,
    bundled_hashes,
    open_weights,
    relative_distance,
    sketch,
)
from ddpm.loading.models import open_model
from ddpm.models.fingerprint import weights_hash


@pytest.fixture(scope="module")
def runs(make_run: Callable[..., Path]) -> list[Path]:
    return [make_run(f"w{seed}", (1, 28, 28), seed=seed) for seed in range(2)]


def test_a_weights_file_gives_its_hash_and_sketch(runs: list[Path], tmp_path: Path) -> None:
    export(str(runs[0]), "safetensors", tmp_path / "w.safetensors")
    content = (tmp_path / "w.safetensors").read_bytes()
    (found,) = open_weights([("source/w.safetensors", content), ("a.py", b"")], "cpu")
    row = found.row()
    assert row["file"] == "source/w.safetensors"
    assert row["hash"] == weights_hash(open_model(str(runs[0]), "cpu").model)


@pytest.mark.parametrize("content", [b"", b"\xff" * 64, (1 << 40).to_bytes(8, "little") + b"{}"])
def test_hostile_weights_are_a_fault_and_no_error(content: bytes) -> None:
    (found,) = open_weights([("x.safetensors", content)], "cpu")
    assert found.model is None and found.fault and "ddpm-grade-" not in found.fault
    assert set(found.row()) == {"file", "fault"}


def test_only_a_few_weights_files_are_opened() -> None:
    found = open_weights([(f"{i}.safetensors", b"") for i in range(9)], "cpu")
    assert len(found) == 9 and "only 6 weights files are" in found[8].fault


def test_a_pickle_is_never_opened(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return exec, (f"open({str(tmp_path / 'ran')!r}, 'w')",)

    (found,) = open_weights([("model.pt", pickle.dumps(Bomb()))], "cpu")
    assert found.model is None and "can hold code" in found.fault
    assert not (tmp_path / "ran").exists()


def test_the_sketch_estimates_the_distance_of_the_weights(runs: list[Path]) -> None:
    one, other = (open_model(str(run), "cpu").model for run in runs)
    vectors = [
        torch.cat([t.double().flatten() for _, t in sorted(m.averaged_weights().items())])
        for m in (one, other)
    ]
    true = float((vectors[0] - vectors[1]).norm() / max(v.norm() for v in vectors))
    estimate = relative_distance(sketch(one).tolist(), sketch(other).tolist())
    assert estimate == pytest.approx(true, rel=0.35) and estimate > NEAR_DISTANCE
    for tensor in other.averaged_weights().values():
        tensor.mul_(1.001)
    near = open_model(str(runs[1]), "cpu").model
    assert 0 < relative_distance(sketch(other).tolist(), sketch(near).tolist()) < NEAR_DISTANCE


def test_the_weights_of_the_package_are_known_by_name() -> None:
    assert {"digits", "mnist", "anime"} <= set(bundled_hashes().values())
