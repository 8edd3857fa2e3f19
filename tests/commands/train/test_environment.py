"""environment.json: what a reader needs to repeat a run."""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from ddpm.commands.train import environment
from ddpm.commands.train.environment import (
    BIT_IDENTITY_KEYS,
    environment_record,
    with_change_history,
)
from ddpm.config import Config, with_overrides
from ddpm.data.dataset import Dataset
from ddpm.models.registry import make_model
from ddpm.models.spec import ModelSpec

DATASET = Dataset(
    "set", np.zeros((2, 1, 2, 2), np.uint8), None, (), np.arange(2), np.arange(0), "none, too few",
    {"used": 2, "content_hash": "abc"},
)  # fmt: skip


def described(**options: Any) -> dict[str, Any]:
    model = make_model(ModelSpec(Config(), (1, 2, 2), (0.0,), 1.0))
    return environment_record(torch.device("cpu"), model, DATASET, **options)


def test_it_is_json_that_names_machine_versions_and_data() -> None:
    row = described(init="runs/other")
    assert json.loads(json.dumps(row)) == row
    assert row["python"] == platform.python_version() and row["torch"] == torch.__version__
    assert row["device"] == "cpu" and row["threads"] == torch.get_num_threads()
    assert row["precision"] in ("fp32", "bf16")
    assert row["data"] == {"used": 2, "content_hash": "abc", "held_out_reason": "none, too few"}
    assert (
        row["parameters"]
        == make_model(ModelSpec(Config(), (1, 2, 2), (0.0,), 1.0)).parameter_counts()
    )
    assert row["init"] == "runs/other" and described()["init"] is None


def subprocess_with(run: Callable[..., None]) -> SimpleNamespace:
    return SimpleNamespace(run=run, SubprocessError=subprocess.SubprocessError)


@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError("git"),
        subprocess.CalledProcessError(128, "git"),
        subprocess.TimeoutExpired("git", 1),
    ],
)
def test_without_git_there_is_no_commit(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise error

    monkeypatch.setattr(environment, "subprocess", subprocess_with(fail))
    assert described()["commit"] is None


def test_an_installed_package_takes_no_commit_of_the_folder_around_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise AssertionError("git was asked about somebody else's repository")

    monkeypatch.setattr(environment, "subprocess", subprocess_with(fail))
    installed = tmp_path / "site-packages" / "ddpm" / "commands" / "train" / "environment.py"
    monkeypatch.setattr(environment, "__file__", str(installed))
    assert described()["commit"] is None


def test_what_bit_identity_rests_on_is_recorded() -> None:
    row = described()
    assert set(BIT_IDENTITY_KEYS) <= set(row)
    assert row["cpu"].endswith(torch.backends.cpu.get_cpu_capability()) and row["compile"] is False


def test_whether_steps_are_compiled_is_recorded_and_why_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = with_overrides(Config(), ["training.compile=on", "training.batch_size=2"])
    settled: list[bool] = []

    def compiler(network: torch.nn.Module, **options: object) -> torch.nn.Module:
        settled.append(torch.are_deterministic_algorithms_enabled())
        return network

    def no_compiler(network: torch.nn.Module, **options: object) -> None:
        raise RuntimeError("no compiler")

    for stand_in, on in ((compiler, True), (no_compiler, False)):
        monkeypatch.setattr(torch, "compile", stand_in)
        model = make_model(ModelSpec(config, (1, 2, 2), (0.0,), 1.0))
        row = environment_record(torch.device("cpu"), model, DATASET)
        assert row["compile"] is on
        words = None if on else "torch.compile is not used (no compiler)"
        assert row.get("compile_note") == words
    assert settled == [True]  # as for the steps


def test_a_change_on_the_way_is_warned_of_in_one_line_and_kept(
    capsys: pytest.CaptureFixture[str],
) -> None:
    now = described()
    before = {
        **now,
        "torch": "2.12.0",
        "threads": 64,
        "commit": "another",
        "changes": ["at step 3: x 1 → 2"],
    }
    facts = with_change_history(before, now, 10)
    words = f"torch 2.12.0 → {torch.__version__}, threads 64 → {torch.get_num_threads()}"
    assert capsys.readouterr().err == (
        f"warning: the run is no longer bit-identical to an uninterrupted one: {words}\n"
    )
    threads = [64, torch.get_num_threads()]
    change = {"step": 10, "torch": ["2.12.0", torch.__version__], "threads": threads}
    assert facts == {**now, "changes": ["at step 3: x 1 → 2", change]}
    assert with_change_history(facts, now, 20) == {**now, "changes": facts["changes"]}  # not again
    older = {key: value for key, value in now.items() if key not in ("cpu", "compile")}
    assert with_change_history(older, now, 10) == now and with_change_history({}, now, 0) == now
    assert with_change_history({"torch": "2.12.0"}, now, 0) == now  # nothing had been trained yet
    assert capsys.readouterr().err == ""
