"""The course's mnist.pt becomes a run that computes what the notebook's network computes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ddpm.commands.model_import.import_request import ImportRequest
from ddpm.commands.model_import.imported_run import import_model
from ddpm.errors import RequestError
from ddpm.loading.models import open_model
from ddpm.models.base import as_diffusion
from tests.commands.model_import.foreign_files import course_state_dict
from tests.networks.restatements import course


@pytest.mark.parametrize("prefix", ["", "network."])
def test_it_computes_what_the_notebook_computes(prefix: str, workplace: Path) -> None:
    weights = course_state_dict(workplace / "mnist.pt", prefix)
    run = import_model(ImportRequest(Path("mnist.pt")))
    model = as_diffusion(open_model(str(run), "cpu").model)
    assert model is not None and model.spec.config.diffusion.num_steps == 40
    assert model.spec.config.sampling.variance == "large"  # sigma² = beta, as in the notebook
    x, t = torch.randn(2, 1, 28, 28), torch.tensor([0, 39])
    exact = {name: value.double() for name, value in weights.items()}
    # float32 against float64: rounding reaches 2e-5 in outputs of up to 5
    with torch.no_grad():
        expected = course(exact, x.double(), t)
        torch.testing.assert_close(
            model.averaged.network(x, t).double(), expected, rtol=1e-4, atol=1e-4
        )


def test_other_state_dicts_are_refused(workplace: Path) -> None:
    torch.save({"fc.weight": torch.ones(2, 2)}, "other.pt")
    with pytest.raises(RequestError, match="no weights file that ddpm import knows"):
        import_model(ImportRequest(Path("other.pt")))
    course_state_dict(workplace / "mnist.pt")
    weights = torch.load("mnist.pt", weights_only=True)
    weights["network.down1.weight"] = torch.ones(1)
    torch.save(weights, "altered.pt")
    with pytest.raises(RequestError, match=r"not the course's network: down1\.weight differs"):
        import_model(ImportRequest(Path("altered.pt")))
    del weights["network.b1.2.conv2.weight"]
    torch.save(weights, "short.pt")
    with pytest.raises(RequestError, match="is missing"):
        import_model(ImportRequest(Path("short.pt")))
