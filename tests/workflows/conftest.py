"""Finished runs without a training: random weights that draw a different image for every seed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ddpm.config import with_overrides
from ddpm.models.families import make_model
from ddpm.models.spec import ModelSpec
from ddpm.presets import get_preset
from ddpm.runs import RunFolder
from ddpm.training import checkpoint

STEP = 12
SMALL = {
    "ddpm": ["network.channels=8", "network.attention=[]", "sampling.steps=2"],
    "dcgan": ["gan.channels=8", "gan.latent=4"],
}
COUNTS = {"given": 70, "used": 60, "held_out": 6, "duplicate": 3, "broken": 1}

MakeRun = Callable[..., Path]


@pytest.fixture(scope="session")
def make_run(tmp_path_factory: pytest.TempPathFactory) -> MakeRun:
    """make_run(name, (channels, height, width), seed=0, data="mnist", model="ddpm") → its folder."""

    def make(
        name: str,
        shape: tuple[int, int, int],
        *,
        seed: int = 0,
        data: str = "mnist",
        model: str = "ddpm",
    ) -> Path:
        run = RunFolder(tmp_path_factory.mktemp("runs") / name)
        preset = get_preset("mnist" if model == "ddpm" else "dcgan-mnist").config
        config = with_overrides(preset, [*SMALL[model], f"training.steps={STEP}"])
        config = replace(config, data=replace(config.data, path=data, size=shape[1], labels=False))
        spec = ModelSpec(config, shape, (0.0,) * shape[0], 0.5)
        torch.manual_seed(seed)
        state = make_model(spec).state()
        for tensor in state["ema"].values():
            if tensor.is_floating_point():
                tensor.add_(0.3 * torch.randn(tensor.shape).abs())
        checkpoint.save(run.checkpoint(STEP), state, spec, {"step": STEP, "seconds": 1.0})
        run.config.write_text(json.dumps(config.to_dict()), "utf-8")
        data_row = {**COUNTS, "held_out_reason": "the test files", "content_hash": "abcdef0123456"}
        row = {"device": "cpu", "seed": 0, "torch": "2.13.0", "data": data_row}
        run.environment.write_text(json.dumps(row), "utf-8")
        lines = [json.dumps({"step": i, "loss": 1 / i, "batch": 64}) for i in range(1, STEP + 1)]
        run.metrics.write_text("\n".join(lines), "utf-8")
        return run.root

    return make
