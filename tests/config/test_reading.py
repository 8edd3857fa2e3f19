"""Configurations from JSON files and from `--set`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ddpm.config import (
    Config,
    config_from_dict,
    differing_keys,
    get_value,
    load_config,
    with_overrides,
)
from ddpm.errors import RequestError
from tests.examples import examples


def test_overrides_reach_every_kind_of_value() -> None:
    config = with_overrides(
        Config(),
        [
            "training.steps=2000",
            "training.learning_rate=1",
            "data.flip=true",
            "network.multipliers=[1, 2, 4]",
            "network.attention=16,8",
            "diffusion.schedule=linear",
            "data.size=45x33",
            "data.channels=3",
            "sampling.guidance_interval=[0.1, 0.9]",
        ],
    )
    assert config.training.steps == 2000
    assert config.training.learning_rate == 1.0 and type(config.training.learning_rate) is float
    assert config.data.flip is True
    assert config.network.multipliers == (1, 2, 4)
    assert config.network.attention == (16, 8)
    assert config.diffusion.schedule == "linear"
    assert config.data.size == "45x33"
    assert config.data.channels == 3
    assert config.sampling.guidance_interval == (0.1, 0.9)


def test_a_configuration_from_before_the_dcgan_still_loads() -> None:
    values = Config().to_dict()
    del values["gan"]
    assert values["format"] == 1 and config_from_dict(values) == Config()


def test_unknown_keys_and_versions_in_files_are_refused(tmp_path: Path) -> None:
    for text, words in (
        ('{"training": {"stepz": 3}}', "training.steps"),
        ('{"trainig": {}}', "no configuration key"),
        ('{"training": 3}', "object"),
        ('{"format": 99}', "format 99"),
        ("[1]", "JSON object"),
        ("{", "not a readable"),
    ):
        path = tmp_path / "config.json"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(RequestError, match=words):
            load_config(path)
    with pytest.raises(RequestError, match="not a readable"):
        load_config(tmp_path / "absent.json")


def test_a_file_saved_by_a_windows_editor_is_read(tmp_path: Path) -> None:
    """Notepad writes a byte order mark and CRLF line ends."""
    config = with_overrides(Config(), ["training.seed=7"])
    text = json.dumps(config.to_dict(), indent=2).replace("\n", "\r\n")
    path = tmp_path / "config.json"
    path.write_bytes(text.encode("utf-8-sig"))
    assert load_config(path) == config


def test_differences_name_exactly_the_changed_keys() -> None:
    other = with_overrides(Config(), ["training.seed=7", "network.patch=2"])
    assert differing_keys(Config(), other) == ["network.patch", "training.seed"]
    assert get_value(other, "training.seed") == 7


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
        max_leaves=6,
    )
)
@settings(max_examples=examples(100), deadline=None)
def test_any_json_is_a_configuration_or_a_refusal(value: object) -> None:
    for key in ("training", "network", "data", "format"):
        values = {key: value}
        try:
            config = config_from_dict(values)
        except RequestError:
            continue
        assert isinstance(config, Config)


def test_a_configuration_without_a_later_key_opens_as_its_default(tmp_path: Path) -> None:
    values = Config().to_dict()
    del values["network"]["kind"]
    (tmp_path / "config.json").write_text(json.dumps(values), encoding="utf-8")
    assert differing_keys(load_config(tmp_path / "config.json"), Config()) == []
