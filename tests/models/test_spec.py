"""A weights file's description of itself: to JSON and back, and what damage is answered with."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ddpm.config import Config, with_overrides
from ddpm.errors import RequestError
from ddpm.models.dcgan import Dcgan
from ddpm.models.ddpm import Ddpm
from ddpm.models.spec import ModelSpec
from ddpm.models.student import Student
from ddpm.presets import PRESETS
from tests.examples import examples


@settings(deadline=None, max_examples=examples(30))
@given(
    preset=st.sampled_from(sorted(PRESETS)),
    sides=st.tuples(st.integers(1, 300), st.integers(1, 300)),
    mean=st.lists(st.floats(-1, 1), min_size=1, max_size=3),
    std=st.floats(0, 1),
    names=st.lists(st.text(max_size=8), max_size=4),
)
def test_json_round_trip(
    preset: str, sides: tuple[int, int], mean: list[float], std: float, names: list[str]
) -> None:
    shape, counts = (len(mean), *sides), tuple(range(len(names)))
    spec = ModelSpec(PRESETS[preset].config, shape, tuple(mean), std, tuple(names), counts)
    assert ModelSpec.from_json(spec.to_json()) == spec


def test_it_is_one_line_of_plain_json(small_spec: Callable[..., ModelSpec]) -> None:
    text = small_spec(classes=2).to_json()
    assert "\n" not in text
    values = json.loads(text)
    assert values["image_shape"] == [1, 8, 8] and values["config"]["format"] == 1


def test_labels_count_only_where_they_are_learned(small_spec: Callable[..., ModelSpec]) -> None:
    spec = small_spec(classes=3)
    assert spec.num_classes == 3
    without = spec.with_config(with_overrides(spec.config, ["data.labels=false"]))
    assert without.num_classes == 0 and without.class_names == spec.class_names


def test_another_configuration_keeps_the_facts(small_spec: Callable[..., ModelSpec]) -> None:
    spec = small_spec(classes=2)
    assert replace(spec.with_config(Config()), config=spec.config) == spec


def altered(text: str, **changes: object) -> str:
    values = {**json.loads(text), **changes}
    return json.dumps({key: value for key, value in values.items() if value is not None})


def test_damage_is_one_sentence(small_spec: Callable[..., ModelSpec]) -> None:
    text = small_spec().to_json()
    damaged = [
        "",
        "{",
        "[]",
        "3",
        "null",
        '"words"',
        text[: len(text) // 2],
        altered(text, config=None),
        altered(text, config=[]),
        altered(text, config={"format": 99}),
        altered(text, config={"network": {"chanels": 8}}),
        altered(text, data_mean=None),
        altered(text, unheard_of=1),
        altered(text, image_shape=[1, 8]),
        altered(text, image_shape=[1, 8, "8"]),
        altered(text, image_shape=[1, 8, 10**9]),
        altered(text, image_shape=[1, True, 8]),
        altered(text, image_shape=8),
        altered(text, data_mean=[0.0, 0.0]),
        altered(text, data_mean=[math.nan]),
        altered(text, data_mean=["0"]),
        altered(text, data_std=-1.0),
        altered(text, data_std=math.inf),
        altered(text, class_names=[3], class_counts=[3]),
        altered(text, class_counts=[1, 2, 3]),
        altered(text, class_names="ab", class_counts=[1, -1]),
        "[" * 100_000,
    ]
    for one in damaged:
        with pytest.raises(RequestError) as refusal:
            ModelSpec.from_json(one)
        assert "\n" not in str(refusal.value) and len(str(refusal.value)) > 20, one


@pytest.mark.parametrize("family", [Ddpm, Dcgan, Student])
def test_a_model_of_something_else_is_refused(family: Callable[[object], object]) -> None:
    with pytest.raises(
        RequestError, match=r"made from a ModelSpec, not NoneType; use ddpm\.build_model"
    ):
        family(None)
