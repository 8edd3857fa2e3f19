"""Checkpoints of denoising-diffusion-pytorch: what they predict follows from what they store."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ddpm.commands.model_import.import_request import ImportRequest
from ddpm.commands.model_import.imported_run import import_model
from ddpm.errors import RequestError
from ddpm.loading.models import open_model
from ddpm.models.base import as_diffusion
from tests.commands.model_import.foreign_files import lucidrains_checkpoint
from tests.networks.restatements import lucidrains


@pytest.mark.parametrize("schedule", ["linear", "cosine", "sigmoid"])
@pytest.mark.parametrize("objective", ["noise", "x0", "v"])
@pytest.mark.parametrize("min_snr", [False, True])
def test_schedule_objective_and_average_are_found(
    schedule: str, objective: str, min_snr: bool, workplace: Path
) -> None:
    weights = lucidrains_checkpoint(workplace / "model-7.pt", schedule, objective, min_snr)
    run = import_model(ImportRequest(Path("model-7.pt"), size="8"))
    model = as_diffusion(open_model(str(run), "cpu").model)
    assert model is not None
    diffusion = model.spec.config.diffusion
    assert (diffusion.schedule, diffusion.objective) == (schedule, objective)
    assert (
        diffusion.weighting == ("min-snr" if min_snr else "simple") and diffusion.num_steps == 100
    )
    x, t = torch.randn(2, 1, 8, 8), torch.tensor([0, 99])
    with torch.no_grad():
        found = model.averaged.network(x, t)
    assert torch.allclose(found, lucidrains(weights, 2, x, t), atol=1e-4)


def test_what_the_file_does_not_say_is_asked(workplace: Path) -> None:
    lucidrains_checkpoint(workplace / "model.pt")
    with pytest.raises(RequestError, match="add --size, such as --size 64"):
        import_model(ImportRequest(Path("model.pt")))
    with pytest.raises(RequestError, match="multiples of 2"):
        import_model(ImportRequest(Path("model.pt"), size="9"))
    with pytest.raises(RequestError, match="pass N or HxW"):
        import_model(ImportRequest(Path("model.pt"), size="large"))


def test_other_networks_of_the_package_are_named(workplace: Path) -> None:
    lucidrains_checkpoint(workplace / "model.pt")
    saved = torch.load("model.pt", weights_only=True)
    for part, prefix in ((saved["model"], "model."), (saved["ema"], "ema_model.model.")):
        name = f"{prefix}init_conv.weight"
        part[name] = torch.cat([part[name], part[name]], 1)
    torch.save(saved, "self.pt")
    with pytest.raises(RequestError, match="self-conditioning"):
        import_model(ImportRequest(Path("self.pt"), size="8"))
    saved = torch.load("model.pt", weights_only=True)
    saved["model"]["loss_weight"] = torch.rand(100)
    torch.save(saved, "loss.pt")
    with pytest.raises(RequestError, match="unknown loss weights"):
        import_model(ImportRequest(Path("loss.pt"), size="8"))
    assert not Path("runs").exists()
