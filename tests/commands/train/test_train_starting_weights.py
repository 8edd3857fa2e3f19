"""`ddpm train FOLDER` from weights that it chooses: recorded, resumed bit for bit, and reproduced."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from ddpm.cli.main import main
from ddpm.commands.report.reproduce import train_command
from ddpm.commands.train import session
from ddpm.config import load_config
from ddpm.loading import starting_weights
from ddpm.loading.suitability import Suitability
from ddpm.models.ddpm import Ddpm
from ddpm.presets import PRESETS, StartingWeights
from ddpm.runs import RunFolder
from ddpm.training.checkpoint import load, save_weights

SETTINGS = (
    "training.batch_size=4", "training.precision=fp32", "training.checkpoint_every=2",
    "training.memorization_every=0", "sampling.steps=2",
)  # fmt: skip


@pytest.fixture
def faces(
    small_ddpm: Callable[..., Ddpm],
    pictures: Callable[..., list[bytes]],
    write_folder: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Path:
    """A folder of images that the weights of the preset suit; nothing is drawn in the end."""
    model = small_ddpm("diffusion.objective=edm", awake=True, channels=3)
    save_weights(tmp_path / "w.safetensors", model.averaged_weights(), model.spec)
    names = {"cpu": StartingWeights(str(tmp_path / "w.safetensors"), 0.85)}
    monkeypatch.setitem(PRESETS, "folder", replace(PRESETS["folder"], weights=names))
    monkeypatch.setattr(
        starting_weights, "measure_suitability", lambda model, images: Suitability(0.5, 1.2, 9.0)
    )
    monkeypatch.setattr(session, "write_final_pictures", lambda run, model: None)
    files = pictures(12, (8, 8), 3)
    return write_folder(tmp_path / "faces", {f"{i}.png": data for i, data in enumerate(files)})


def words(faces: Path, out: str, *options: str) -> list[str]:
    given = [word for setting in SETTINGS for word in ("--set", setting)]
    return ["train", str(faces), "--out", out, "--steps", "4", "--device", "cpu", *given, *options]


def state(out: str, step: int = 4) -> dict[str, torch.Tensor]:
    found = load(RunFolder(Path(out)).checkpoint(step)).state
    return {f"{stem}.{name}": value for stem, part in found.items() for name, value in part.items()}


def assert_same_bits(one: str, other: str) -> None:
    first, second = state(one), state(other)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


class KillError(BaseException):
    """The end of a process."""


# What a killed process had not reached yet
MOMENTS = {
    "between environment and configuration": (session, "write_json", 1),
    "before the first step": (Ddpm, "training_step", 0),
    "before the first checkpoint": (Ddpm, "training_step", 1),
    "after the first checkpoint": (Ddpm, "training_step", 2),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_same_command_resumes_a_killed_run_bit_for_bit(
    moment: str, faces: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(words(faces, "whole")) == 0
    owner, name, calls = MOMENTS[moment]
    original, count = getattr(owner, name), 0

    def dying(*args: Any, **kwargs: Any) -> Any:
        nonlocal count
        count += 1
        if count > calls:
            raise KillError
        return original(*args, **kwargs)

    with monkeypatch.context() as patch, pytest.raises(KillError):
        patch.setattr(owner, name, dying)
        main(words(faces, "killed"))
    assert main(words(faces, "killed")) == 0
    assert_same_bits("whole", "killed")
    assert load_config(Path("killed/config.json")) == load_config(Path("whole/config.json"))
    recorded = RunFolder(Path("killed")).load_environment()
    assert recorded["init"] == PRESETS["folder"].weights["cpu"].name


def test_the_weights_are_gone_and_the_run_goes_on(
    faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words(faces, "run")) == 0
    (tmp_path / "w.safetensors").unlink()
    capsys.readouterr()
    assert main([word if word != "4" else "6" for word in words(faces, "run")]) == 0
    assert "resuming at step 4 of 6" in capsys.readouterr().err


def test_none_starts_from_random_weights(faces: Path) -> None:
    assert main(words(faces, "run", "--init", "none")) == 0
    run = RunFolder(Path("run"))
    assert "init" not in run.load_environment()
    config = load_config(run.config)
    assert config.network == PRESETS["folder"].config.network
    assert config.training.learning_rate == PRESETS["folder"].config.training.learning_rate


@pytest.mark.parametrize("options", [(), ("--init", "none"), ("--set", "network.dropout=0.0")])
def test_the_printed_command_trains_the_same_bits(faces: Path, options: tuple[str, ...]) -> None:
    """Without --init, the choice of another version could differ; so the command always has one."""
    assert main(words(faces, "first", *options)) == 0
    run = RunFolder(Path("first"))
    command = train_command(
        Path("again"), load_config(run.config), run.load_environment().get("init")
    )
    assert " --init " in command
    given = shlex.split(command)[1:]
    given[given.index("--data") + 1] = str(faces)
    assert main([*given, "--device", "cpu"]) == 0
    assert_same_bits("first", "again")


def test_a_folder_of_other_files_is_refused_before_any_image_is_read(
    faces: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("theirs").mkdir()
    Path("theirs/environment.json").write_text('{"torch": 1}', encoding="utf-8")
    monkeypatch.setattr(starting_weights, "open_dataset", lambda config: pytest.fail("decoded"))
    assert main(words(faces, "theirs")) == 2
    assert "holds other files" in capsys.readouterr().err
    assert Path("theirs/environment.json").read_text(encoding="utf-8") == '{"torch": 1}'
