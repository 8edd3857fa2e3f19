"""The plumbing around transformers, with a stand-in of the same interface."""

from __future__ import annotations

import sys
import types

import pytest
import torch
from torch import Tensor, nn

from ddpm.errors import RequestError
from ddpm.evaluation.dino import load_dino


class StandIn(nn.Module):
    def forward(self, pixel_values: Tensor) -> types.SimpleNamespace:
        assert pixel_values.shape[1:] == (3, 224, 224)
        tokens = pixel_values.mean(dim=(2, 3))[:, None].repeat(1, 5, 1)
        tokens[:, 1:] = 99  # only the first, the class token, is a feature
        return types.SimpleNamespace(last_hidden_state=tokens)


class Loader:
    @staticmethod
    def from_pretrained(name: str) -> nn.Module:
        if name != "facebook/dinov2-small":
            raise OSError("no such folder")
        return StandIn()


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in = types.ModuleType("transformers")
    stand_in.AutoModel = Loader  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "transformers", stand_in)


def test_absence_is_one_sentence_with_the_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(RequestError, match="pip install transformers"):
        load_dino()


@pytest.mark.usefixtures("installed")
def test_images_are_scaled_as_the_model_was_trained() -> None:
    white = torch.full((2, 1, 20, 30), 255, dtype=torch.uint8)
    expected = [(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225]
    assert load_dino().features(white)[1].tolist() == pytest.approx(expected, rel=1e-5)


@pytest.mark.usefixtures("installed")
def test_missing_weights_are_refused(tmp_path) -> None:
    with pytest.raises(RequestError, match="pass its folder to --weights"):
        load_dino(tmp_path)
