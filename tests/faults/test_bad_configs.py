"""Configurations of any kind: either one that holds, or one sentence, exit 2 and nothing written."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ddpm.cli import main
from ddpm.config import Config, config_from_dict, load_config, with_overrides
from ddpm.config.reading import get_value
from ddpm.errors import RequestError
from ddpm.presets import PRESETS
from tests.examples import examples

KEYS = sorted(
    f"{section.name}.{field.name}"
    for section in dataclasses.fields(Config)
    if dataclasses.is_dataclass(getattr(Config(), section.name))
    for field in dataclasses.fields(getattr(Config(), section.name))
)
numbers = st.one_of(
    st.integers(),
    st.integers(-(10**400), 10**400),
    st.floats(),
    st.sampled_from([10**12, 2**63, -1, 0, 1e308, -1e308, 1e-320, math.nan, math.inf, -math.inf]),
)
plain = st.one_of(st.none(), st.booleans(), numbers, st.text(max_size=20))
values = st.recursive(
    plain,
    lambda inner: st.one_of(
        st.lists(inner, max_size=5), st.dictionaries(st.text(max_size=9), inner, max_size=4)
    ),
    max_leaves=20,
)
names = st.one_of(st.sampled_from(KEYS), st.text(max_size=30), st.sampled_from(["data", "", "."]))


def said(error: RequestError) -> str:
    """The sentence, if it is one: short whatever was given, and on one line."""
    text = str(error)
    assert text and len(text) < 1500
    return text


def assert_holds(config: Config) -> None:
    """What was accepted is whole: it comes back from its own JSON, and no number in it is without end."""
    assert config_from_dict(json.loads(json.dumps(config.to_dict()))) == config
    for key in KEYS:
        value = get_value(config, key)
        assert not isinstance(value, float) or math.isfinite(value)
        assert not isinstance(value, int) or abs(value) < 2**63


@settings(max_examples=examples(300), deadline=None)
@given(values)
def test_any_json_is_a_configuration_or_a_sentence(value: Any) -> None:
    try:
        assert_holds(config_from_dict(value if isinstance(value, dict) else {"data": value}))
    except RequestError as error:
        said(error)


@settings(max_examples=examples(600), deadline=None)
@given(key=st.sampled_from(KEYS), value=values)
def test_any_value_of_any_key_is_accepted_whole_or_refused_by_name(key: str, value: Any) -> None:
    section, name = key.split(".")
    try:
        assert_holds(config_from_dict({section: {name: value}}))
    except RequestError as error:
        said(error)


@settings(max_examples=examples(300), deadline=None)
@given(key=names, text=st.one_of(st.text(max_size=30), values.map(json.dumps)))
@example(key="data.labels", text="kmeans:" + "9" * 5000)
@example(key="training.steps", text="9" * 5000)
@example(key="training.learning_rate", text="1" + "0" * 400)
@example(key="network.multipliers", text="[" * 100_000)
@example(key="network.multipliers", text=",".join("1" * 5000))
@example(key="x" * 1_000_000, text="1")
def test_any_assignment_is_accepted_whole_or_refused(key: str, text: str) -> None:
    try:
        assert_holds(with_overrides(Config(), [f"{key}={text}"]))
    except RequestError as error:
        said(error)


BROKEN: dict[str, bytes] = {
    "empty": b"",
    "half": b'{"data": {"path": "dig',
    "no utf-8": b"\xff\xfe\x00",
    "list": b"[]",
    "null": b"null",
    "deep": b"[" * 200_000,
    "deep object": b'{"data":' * 200_000,
    "deep but legal": b'{"data": {"path": ' + b"[" * 900 + b"]" * 900 + b"}}",
    "digits without end": b'{"training": {"steps": ' + b"9" * 100_000 + b"}}",
    "beyond floats": b'{"training": {"learning_rate": ' + b"9" * 400 + b"}}",
    "nan": b'{"training": {"learning_rate": NaN}}',
    "infinity": b'{"training": {"steps": Infinity}}',
    "unknown": b'{"training": {"stepz": 5}}',
    "newer": b'{"format": 2}',
    "newer, odd": b'{"format": [2]}',
    "wrong type": b'{"network": {"channels": "many"}}',
    "section": b'{"network": 5}',
    "absurd": b'{"network": {"channels": 1000000000000}}',
    "nothing": b"\0" * 1000,
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("command", [["train"], ["sample"], ["doctor"], ["plan"]], ids=" ".join)
def test_a_run_with_such_a_configuration_is_refused_untouched(
    name: str, command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.json").write_bytes(BROKEN[name])
    assert main([*command, str(run)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("ddpm: ") and error.count("\n") == 1 and len(error) < 1500
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert [path.name for path in run.iterdir()] == ["config.json"]
    assert (run / "config.json").read_bytes() == BROKEN[name]


@pytest.mark.parametrize(
    "setting",
    [
        "training.stepz=5",
        "training.learning_rate=NaN",
        "network.channels=4096 network.multipliers=[64,64]",
        "network.channels=" + "9" * 5000,
        "network.multipliers=" + "[" * 5000,
        "data.size=1e9",
        "data.path=" + "x" * 5000,
        "data.path=~nobody-has-this-name/images",
        'data.path="a\\u0000b"',
        'data.path="\\ud800"',
    ],
    ids=lambda text: text[:40],
)
def test_a_training_with_such_a_setting_writes_nothing(
    setting: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    settings = [word for one in setting.split() for word in ("--set", one)]
    assert main(["train", "digits", "--out", str(tmp_path / "run"), *settings]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("ddpm: ") and len(error) < 1500
    assert not (tmp_path / "run").exists()


def test_what_a_newer_version_wrote_is_refused_with_the_way_out(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text('{"format": 2}', encoding="utf-8")
    with pytest.raises(RequestError, match="use the version that wrote it, or train again"):
        load_config(path)
    path.write_text('{"training": {"invented_later": 1}}', encoding="utf-8")
    with pytest.raises(RequestError, match="If a newer ddpm-studio wrote this, update yours"):
        load_config(path)


def test_the_configurations_that_are_shipped_hold() -> None:
    for preset in PRESETS.values():
        assert_holds(preset.config)


def test_text_that_no_file_can_hold_as_utf8_comes_back_as_it_was(tmp_path: Path) -> None:
    from ddpm.files import write_json

    config = with_overrides(Config(), ['data.path="a\\udcff.png"'])
    write_json(tmp_path / "config.json", config.to_dict())
    assert load_config(tmp_path / "config.json") == config
