"""Copies to a device."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ddpm.data.transfer import to_device


def test_on_the_way_to_a_graphics_card_nothing_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    tensor, asked = torch.ones(3), []
    monkeypatch.setattr(Tensor, "pin_memory", lambda self: self * 2)
    monkeypatch.setattr(Tensor, "to", lambda self, *a, **k: asked.append((self.sum(), a, k)))
    card = torch.device("cuda")
    to_device(tensor, card)
    assert asked == [(6, (card,), {"non_blocking": True})]  # from memory that stays in its place
    to_device(tensor, torch.device("cpu"))
    assert asked[1] == (3, (torch.device("cpu"),), {})


def test_a_tensor_that_is_there_is_not_copied() -> None:
    tensor = torch.arange(4)
    assert to_device(tensor, torch.device("cpu")) is tensor
