"""An imported model is a run like any other: drawn by every sampler, measured, exported, trained on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ddpm.cli.main import main
from ddpm.commands.export.export import export
from ddpm.commands.model_import.import_request import ImportRequest
from ddpm.commands.model_import.imported_run import import_model
from ddpm.diffusion.samplers import SAMPLERS
from ddpm.errors import RequestError
from ddpm.loading.models import open_model
from ddpm.runs import RunFolder
from tests.commands.model_import.foreign_files import lucidrains_checkpoint, save_pipeline


def test_a_run_like_any_other(workplace: Path) -> None:
    save_pipeline(workplace / "hf", num_train_timesteps=20)
    assert main(["import", "hf", "--data", "digits", "--out", "runs/mine"]) == 0
    for sampler in SAMPLERS:
        words = [
            "sample",
            "mine",
            "-n",
            "2",
            "--sampler",
            sampler,
            "--steps",
            "3",
            "--out",
            "x.png",
        ]
        assert main(words) == 0
    assert main(["evaluate", "mine", "-n", "20", "--features", "digits", "--likelihood", "2"]) == 0
    assert json.loads(Path("runs/mine/evaluation.json").read_text())["n"] == 20
    assert main(["train", "mine", "--steps", "3"]) == 0
    assert RunFolder(Path("runs/mine")).checkpoint_steps()[-1] == 3
    weights = export("mine", "safetensors")
    assert open_model(str(weights), "cpu").model.spec.config.network.kind == "diffusers"


def test_every_kind_is_exported_to_onnx(workplace: Path) -> None:
    lucidrains_checkpoint(workplace / "model.pt")
    run = import_model(ImportRequest(Path("model.pt"), size="8"))
    assert open_model(str(export(str(run), "onnx")), "cpu").model.spec.image_shape == (1, 8, 8)


def test_wrong_paths_write_nothing(workplace: Path) -> None:
    Path("runs/taken").mkdir(parents=True)
    Path("text.txt").write_text("x")
    Path("empty").mkdir()
    for request, message in (
        (ImportRequest(Path("nothing")), "does not exist"),
        (ImportRequest(Path("empty")), "not a folder of a diffusers model"),
        (ImportRequest(Path("text.txt")), "is not a weights file"),
        (ImportRequest(Path("text.txt"), out=Path("runs/taken")), "exists already"),
    ):
        with pytest.raises(RequestError, match=message):
            import_model(request)
    assert [path.name for path in Path("runs").iterdir()] == ["taken"]
