"""Exported folders open in diffusers as they are and draw the same images from the same noise."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from diffusers import DiffusionPipeline

from ddpm.commands.export.diffusers_folder import normalized_betas, reasons_for_code
from ddpm.commands.model_import.import_request import ImportRequest
from ddpm.commands.model_import.imported_run import import_model
from ddpm.diffusion.schedules import SCHEDULES, make_schedule
from ddpm.errors import RequestError
from ddpm.loading.models import open_model
from ddpm.models.base import as_diffusion
from tests.commands.export.exported_folders import STOCK, difference, small_model, write


@pytest.mark.parametrize("schedule", ["linear", "cosine", "sigmoid"])
@pytest.mark.parametrize("objective", ["noise", "v", "x0"])
def test_a_stock_pipeline_draws_the_same(objective: str, schedule: str, workplace: Path) -> None:
    names = (f"diffusion.objective={objective}", f"diffusion.schedule={schedule}")
    opened = small_model(*STOCK, *names, shape=(3, 8, 8))
    folder = write(opened, workplace / "folder")
    assert not (folder / "pipeline.py").exists()
    assert difference(opened, folder, 10) < 1e-5


def test_ancestral_sampling_is_a_ddpm_pipeline(workplace: Path) -> None:
    """Every step of Algorithm 2 is that of diffusers, noise included."""
    opened = small_model(*STOCK, "sampling.sampler=ancestral", "sampling.clip=none")
    folder = write(opened, workplace / "folder")
    pipeline = DiffusionPipeline.from_pretrained(folder, low_cpu_mem_usage=False)
    assert type(pipeline).__name__ == "DDPMPipeline"
    assert difference(opened, folder, 20, sampler="ancestral") < 1e-4


def test_a_folder_comes_back_by_import(workplace: Path) -> None:
    opened = small_model(*STOCK, "diffusion.schedule=sigmoid")
    write(opened, workplace / "folder")
    again = as_diffusion(open_model(str(import_model(ImportRequest(Path("folder")))), "cpu").model)
    own = as_diffusion(opened.model)
    assert again is not None and own is not None
    assert again.spec.config.diffusion.schedule == "sigmoid"
    x, t = torch.randn(2, 1, 8, 8), torch.tensor([5, 900])
    with torch.no_grad():
        expected = own.averaged.network(x, t)
        assert torch.allclose(again.averaged.network(x, t), expected, atol=1e-4)
    write(open_model("folder", "cpu"), workplace / "again")
    first, second = (Path(name, "unet", "config.json").read_text() for name in ("folder", "again"))
    assert json.loads(first)["block_out_channels"] == json.loads(second)["block_out_channels"]


def test_what_needs_code_is_said(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = as_diffusion(small_model("network.patch=2", "diffusion.objective=edm", classes=2).model)
    assert model is not None
    reasons = "; ".join(reasons_for_code(model))
    for reason in ("objective edm", "classes and guidance", "blocks of 2x2", "network.sinusoids=8"):
        assert reason in reasons
    stock = as_diffusion(small_model(*STOCK).model)
    assert stock is not None and reasons_for_code(stock) == []
    write(small_model("network.patch=2"), workplace / "code")
    assert "needs trust_remote_code=True for its pipeline.py" in capsys.readouterr().err
    with pytest.raises(ValueError, match="trust_remote_code"):
        DiffusionPipeline.from_pretrained(workplace / "code")


@pytest.mark.parametrize("name", SCHEDULES)
def test_normalized_betas_have_the_paths_signal_to_noise(name: str) -> None:
    schedule = make_schedule(name, 100)
    betas = normalized_betas(schedule.signal, schedule.sigma).to(torch.float32)
    alpha_bars = (1 - betas).cumprod(0).to(torch.float64)  # as diffusers computes it
    wanted = schedule.snr / (1 + schedule.snr)
    assert torch.allclose(alpha_bars, wanted, rtol=1e-6, atol=1e-7)


def test_other_networks_and_full_folders_are_refused(workplace: Path) -> None:
    other = small_model(
        "network.kind=dit", "network.width=16", "network.depth=1", "network.heads=2"
    )
    with pytest.raises(RequestError, match="the kind dit, which diffusers does not have"):
        write(other, workplace / "folder")
    for setting in ("network.norm=layer", "network.skips=add"):
        with pytest.raises(RequestError, match="which the U-Net of diffusers does not have"):
            write(small_model(setting), workplace / "folder")
    (workplace / "folder").mkdir()
    (workplace / "folder" / "mine").write_text("x")
    with pytest.raises(RequestError, match="exists already"):
        write(small_model(), workplace / "folder")
    with pytest.raises(RequestError, match="not a repository"):
        write(small_model(), workplace / "new", push="no-owner")
    assert not (workplace / "new").exists()
