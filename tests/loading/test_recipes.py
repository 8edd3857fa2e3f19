"""Which size of a preset is trained, on devices that are pretended."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ddpm.config import Config, config_from_dict, get_value
from ddpm.errors import RequestError
from ddpm.loading import recipes
from ddpm.loading.recipes import scaled_preset
from ddpm.presets import PRESETS, Preset
from ddpm.runs import RunFolder

SIZED = [name for name, preset in PRESETS.items() if preset.scales]


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    def pretend(scale: str) -> None:
        monkeypatch.setattr(recipes, "device_scale", lambda device: scale)

    return pretend


def test_the_faces_have_three_sizes_and_grow_with_the_device() -> None:
    assert SIZED == ["anime", "anime-gray", "anime-dit"]
    for name in SIZED:
        sizes = [PRESETS[name].config_for(scale) for scale in ("cpu", "small-gpu", "big-gpu")]
        assert [config.scale for config in sizes] == ["cpu", "small-gpu", "big-gpu"]
        images = [config.training.steps * config.training.batch_size for config in sizes]
        assert images[0] < min(images[1:])
        assert len({(config.network, config.training.batch_size) for config in sizes}) == 3
        kept = ("preset", "model", "data", "diffusion", "training.seed")
        assert all(
            get_value(config, key) == get_value(sizes[0], key) for config in sizes for key in kept
        )


@pytest.mark.parametrize("scale", ["cpu", "small-gpu", "big-gpu"])
def test_the_device_decides_and_the_size_is_printed(on, capsys, scale: str) -> None:  # type: ignore[no-untyped-def]
    on(scale)
    assert scaled_preset("anime", None, "cpu") == PRESETS["anime"].config_for(scale)  # type: ignore[arg-type]
    assert recipes.SCALE_TEXTS[scale] in capsys.readouterr().err


def test_a_scale_asked_for_beats_the_device(on) -> None:  # type: ignore[no-untyped-def]
    on("big-gpu")
    assert scaled_preset("anime-gray", "cpu").scale == "cpu"


def test_a_run_keeps_its_size_on_another_device(on, tmp_path: Path, capsys) -> None:  # type: ignore[no-untyped-def]
    on("big-gpu")
    run = RunFolder(tmp_path)
    assert scaled_preset("anime", None, run=run).scale == "big-gpu"  # not begun yet
    run.config.write_text(json.dumps(PRESETS["anime"].config_for("small-gpu").to_dict()), "utf-8")
    capsys.readouterr()
    assert scaled_preset("anime", None, run=run) == PRESETS["anime"].config_for("small-gpu")
    assert f"as in {run.root}" in capsys.readouterr().err


def test_a_preset_of_one_size_says_nothing_and_refuses_another(on, capsys) -> None:  # type: ignore[no-untyped-def]
    on("big-gpu")
    assert scaled_preset("mnist", None) == PRESETS["mnist"].config
    assert capsys.readouterr().err == ""
    with pytest.raises(RequestError, match="leave --scale out"):
        scaled_preset("mnist", "big-gpu")


def test_a_configuration_from_before_scales_is_one_for_a_cpu() -> None:
    values = PRESETS["anime"].config.to_dict()
    del values["scale"]
    assert config_from_dict(values).scale == "cpu"


def test_the_changes_of_a_scale_are_checked_like_any_others() -> None:
    preset = Preset("", Config(), {"big-gpu": ("training.stepz=3",)})
    with pytest.raises(RequestError, match=r"training\.steps"):
        preset.config_for("big-gpu")
