"""Folders of diffusers: they draw what diffusers draws, and hostile ones are refused in a sentence."""

from __future__ import annotations

import json
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ddpm.api import sample
from ddpm.commands.model_import.diffusers_source import (
    diffusion_settings,
    read_diffusers_folder,
    sampling_settings,
)
from ddpm.commands.model_import.import_request import ImportRequest
from ddpm.commands.model_import.imported_run import import_model
from ddpm.errors import RequestError
from ddpm.loading.models import open_model
from ddpm.models.base import as_diffusion
from tests.commands.export.exported_folders import difference, write
from tests.commands.model_import.foreign_files import save_pipeline

UNET = Path("hf", "unet")


@pytest.mark.parametrize(
    "scheduler", [{}, {"prediction_type": "v_prediction", "clip_sample": False}]
)
def test_it_draws_what_diffusers_draws(scheduler: dict[str, Any], workplace: Path) -> None:
    pipeline = save_pipeline(workplace / "hf", **scheduler)
    model = as_diffusion(open_model(str(import_model(ImportRequest(Path("hf")))), "cpu").model)
    assert model is not None
    model.precision = "fp32"
    x = torch.randn(2, 1, 8, 8)
    t = torch.tensor([3, 700])
    with torch.no_grad():
        assert torch.allclose(model.averaged.network(x, t), pipeline.unet(x, t).sample, atol=1e-5)
    settings = ["sampling.sampler=ddim", "sampling.steps=10", "sampling.spacing=trailing"]
    found = sample(model, 3, settings=settings).numpy()
    generators = [torch.Generator().manual_seed(seed) for seed in range(3)]
    drawn = pipeline(
        batch_size=3, generator=generators, num_inference_steps=10, output_type="np",
        use_clipped_model_output=True,
    ).images  # fmt: skip
    expected = np.round(drawn * 255).transpose(0, 3, 1, 2)
    assert np.abs(found - expected).max() <= 1


def test_classes_are_those_of_diffusers(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unet = save_pipeline(workplace / "hf", classes=3).unet
    opened = open_model(str(import_model(ImportRequest(Path("hf")))), "cpu")
    assert "3 classes, and nothing learned for “no label”" in capsys.readouterr().err
    model = as_diffusion(opened.model)
    assert model is not None and model.spec.class_names == ("0", "1", "2")
    model.precision = "fp32"
    x, t, labels = torch.randn(2, 1, 8, 8), torch.tensor([3, 700]), torch.tensor([2, 0])
    with torch.no_grad():
        expected = unet(x, t, class_labels=labels).sample
        assert torch.allclose(model.averaged.network(x, t, labels), expected, atol=1e-6)
        unet.class_embedding.weight[1] = 0
        free = unet(x, t, class_labels=torch.ones_like(labels)).sample
        assert torch.allclose(model.averaged.network(x, t), free, atol=1e-6)
    assert sample(model, 2, label="1").shape == (2, 1, 8, 8)
    folder = write(opened, workplace / "again")
    assert difference(opened, folder, 5, code=True, labels=[2, 0, 1], guidance_scale=2.0) < 1e-5
    with pytest.raises(RequestError, match=r"samples by its pipeline\.py, which is not imported"):
        import_model(ImportRequest(folder))


def test_a_model_without_a_pipeline_and_old_names(workplace: Path) -> None:
    """As in the folders of 2022: files side by side, a .bin, and attention layers called query and key."""
    pipeline = save_pipeline(workplace / "hf")
    folder = workplace / "old"
    folder.mkdir()
    (folder / "config.json").write_text((UNET / "config.json").read_text())
    names = {
        ".to_q.": ".query.",
        ".to_k.": ".key.",
        ".to_v.": ".value.",
        ".to_out.0.": ".proj_attn.",
    }
    state = {}
    for name, tensor in pipeline.unet.state_dict().items():
        for new, old in names.items():
            name = name.replace(new, old)
        state[name] = tensor
    torch.save(state, folder / "diffusion_pytorch_model.bin")
    imported = read_diffusers_folder(folder, ImportRequest(folder))
    own = {f"unet.{name}": tensor for name, tensor in pipeline.unet.state_dict().items()}
    assert imported.tensors.keys() == own.keys()
    assert all(torch.equal(tensor, own[name]) for name, tensor in imported.tensors.items())
    assert imported.diffusion == {"schedule": "linear", "num_steps": 1000, "objective": "noise"}


def change(name: str, **values: Any) -> None:
    path = Path("hf", name)
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


class Code:
    """A pickle that would run code when it is loaded."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return Path.touch, (Path("run-by-the-file"),)  # type: ignore[return-value]


def lying_header() -> None:
    """A header that promises a tensor of 4 TB."""
    entry = {
        "conv_in.weight": {"dtype": "F32", "shape": [2**20, 2**20], "data_offsets": [0, 2**42]}
    }
    text = json.dumps(entry).encode()
    (UNET / "diffusion_pytorch_model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text)


def short_file() -> None:
    path = UNET / "diffusion_pytorch_model.safetensors"
    path.write_bytes(path.read_bytes()[:-8])


def pickle_with_code() -> None:
    (UNET / "diffusion_pytorch_model.safetensors").unlink()
    (UNET / "diffusion_pytorch_model.bin").write_bytes(pickle.dumps({"x": Code()}))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (pickle_with_code, "code from a file is never run"),
        (lying_header, "GiB, too much for this machine"),
        (short_file, "its length does not fit its header"),
        (lambda: change("unet/config.json", block_out_channels=[10**9, 16]), "block_out_channels"),
        (lambda: change("unet/config.json", block_out_channels=[8192, 8192]), "belong|shape"),
        (lambda: change("unet/config.json", layers_per_block=10**6), "layers_per_block"),
        (lambda: change("unet/config.json", sample_size=10**7), "sides of 1 to 4096"),
        (lambda: change("unet/config.json", in_channels="code"), "is no denoiser"),
        (lambda: change("unet/config.json", num_class_embeds=10), "belong|shape"),
        (lambda: change("unet/config.json", num_class_embeds=10**9), "use 1 to 10,000"),
        (
            lambda: change("unet/config.json", class_embed_type="timestep"),
            "class_embed_type=timestep",
        ),
        (lambda: change("unet/config.json", _class_name="UNet2DConditionModel"), "UNet2DCondition"),
        (lambda: change("unet/config.json", evil=1), "the setting evil"),
        (lambda: (UNET / "config.json").write_text("{"), "not a readable configuration"),
        (lambda: change("scheduler/scheduler_config.json", num_train_timesteps=10**12), "use 2 to"),
        (
            lambda: change("scheduler/scheduler_config.json", beta_schedule="scaled_linear"),
            "schedule",
        ),
        (lambda: change("scheduler/scheduler_config.json", beta_start=float("nan")), "schedule"),
        (lambda: change("scheduler/scheduler_config.json", prediction_type="magic"), "magic"),
    ],
)
def test_a_hostile_folder_is_one_sentence(
    damage: Callable[[], object], message: str, workplace: Path
) -> None:
    save_pipeline(workplace / "hf")
    damage()
    with pytest.raises(RequestError, match=message) as error:
        import_model(ImportRequest(Path("hf")))
    assert "\n" not in str(error.value)
    assert not Path("runs").exists() and not Path("run-by-the-file").exists()


def test_schedulers_are_translated(workplace: Path) -> None:
    cosine = {
        "beta_schedule": "squaredcos_cap_v2",
        "prediction_type": "sample",
        "num_train_timesteps": 50,
    }
    assert diffusion_settings(cosine, workplace) == {
        "schedule": "cosine", "num_steps": 50, "objective": "x0",
    }  # fmt: skip
    short = {"beta_start": 1e-3, "beta_end": 0.04, "num_train_timesteps": 500}
    found = diffusion_settings(short, workplace)
    assert found["schedule"] == "linear" and found["beta_start"] == pytest.approx(5e-4)
    assert sampling_settings({"variance_type": "fixed_large", "clip_sample": False}) == {
        "clip": "none", "variance": "large",
    }  # fmt: skip
