"""Commands command again mean the configuration they were command from."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from ddpm.cli.parser import build_parser
from ddpm.commands.report.reproduce import (
    data_command,
    evaluate_command,
    forward_command,
    sample_command,
    train_command,
)
from ddpm.commands.train.command import training_request
from ddpm.config import Config, ScaleName, differing_keys, with_overrides
from ddpm.data.catalogue import data_name
from ddpm.loading.recipes import training_recipe
from ddpm.presets import PRESETS, get_preset


def parsed_again(config: Config) -> tuple[Config, Path]:
    words = shlex.split(train_command(Path("runs/my run"), config))
    return training_recipe(training_request(build_parser().parse_args(words[1:])))


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize(
    "changes",
    [
        [],
        ["training.steps=77", "training.epochs=0"],
        ["training.minutes=2.5", "training.steps=123", "training.epochs=0"],
        ["training.epochs=3", "training.steps=456"],
        ["data.all_images=true"],
        ["data.all_images=false", "training.steps=5", "training.epochs=0"],
        ["training.betas=[0.5, 0.9]", "data.shift=1", "training.seed=3", "data.size=32x20"],
    ],
)
def test_the_printed_command_gives_the_same_configuration(name: str, changes: list[str]) -> None:
    config = with_overrides(get_preset(name).config, changes)
    found, out = parsed_again(config)
    fixed_later = {"training.steps"} if config.training.minutes or config.training.epochs else set()
    assert set(differing_keys(config, found)) <= fixed_later
    assert out == Path("runs/my run")


@pytest.mark.parametrize("scale", ["cpu", "small-gpu", "big-gpu"])
def test_the_scale_of_a_preset_is_printed(scale: ScaleName) -> None:
    config = PRESETS["anime"].config_for(scale)
    command = train_command(Path("runs/a"), config)
    assert command == f"ddpm train anime --out runs/a --scale {scale}"
    assert parsed_again(config)[0] == config


def test_the_images_are_named_without_the_authors_folders() -> None:
    config = replace(
        get_preset("mnist").config, data=replace(Config().data, path="/home/me/set one.zip")
    )
    assert data_name(config.data.path) == "set one.zip"
    commands = [train_command(Path("r"), config), data_command(config), forward_command(config)]
    assert all("'set one.zip'" in command and "/home" not in command for command in commands)


def test_a_set_at_the_hub_keeps_its_owner() -> None:
    config = replace(
        get_preset("folder").config, data=replace(Config().data, path="hf:owner/faces")
    )
    assert data_name(config.data.path) == "hf:owner/faces"
    commands = [train_command(Path("r"), config), data_command(config), forward_command(config)]
    assert all(" hf:owner/faces" in command for command in commands)


def test_every_command_can_be_typed() -> None:
    config = with_overrides(Config(), ["data.size=28", "data.channels=1", "data.all_images=true"])
    commands = [
        train_command(Path("r"), config, "runs/first"), data_command(config), forward_command(config),
        sample_command(Path("r"), gif=True), evaluate_command(Path("r")),
    ]  # fmt: skip
    for command in commands:
        assert hasattr(build_parser().parse_args(shlex.split(command)[1:]), "command"), command
    assert "--init runs/first" in commands[0] and "--gif" in commands[3]
    assert data_command(config) == "ddpm data prepare digits --size 28 --channels 1 --all-images"
