"""Weights of strangers are tensors or nothing: no code is run."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
import torch

from ddpm.commands.model_import import foreign_weights
from ddpm.commands.model_import.foreign_weights import read_weights, tensors_of
from ddpm.errors import RequestError


def test_tensors_come_back_as_float32(workplace: Path) -> None:
    torch.save({"a.w": torch.ones(2, dtype=torch.float16), "a.n": 3, "b": torch.tensor(1)}, "x.pt")
    values = read_weights(Path("x.pt"))
    assert tensors_of(values, "a.").keys() == {"w"}
    assert tensors_of(values)["a.w"].dtype == torch.float32
    assert tensors_of(values)["b"].dtype == torch.int64


def test_damaged_files_are_one_sentence(workplace: Path) -> None:
    Path("text.pt").write_text("no tensors")
    with zipfile.ZipFile("empty.pt", "w") as archive:
        archive.writestr("readme", "no tensors")
    torch.save([1, 2], "list.pt")
    torch.save(torch.nn.Linear(1, 1), "module.pt")
    for name, message in {
        "text.pt": "not a readable file|more than tensors",
        "empty.pt": "not a readable file",
        "list.pt": "holds no state dict",
        "module.pt": "code from a file is never run",
    }.items():
        with pytest.raises(RequestError, match=message) as error:
            read_weights(Path(name))
        assert "\n" not in str(error.value)


def test_a_zip_that_grows_is_not_unpacked(monkeypatch: pytest.MonkeyPatch, workplace: Path) -> None:
    with zipfile.ZipFile("bomb.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data/0", bytes(2**22))
    monkeypatch.setattr(foreign_weights, "memory_size", lambda: 2**21)
    assert Path("bomb.pt").stat().st_size < 2**16
    with pytest.raises(RequestError, match="too much for this machine"):
        read_weights(Path("bomb.pt"))
