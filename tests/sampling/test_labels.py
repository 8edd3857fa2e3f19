"""Labels that images are drawn with."""

from __future__ import annotations

import copy
from dataclasses import replace
from decimal import Decimal, getcontext
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddpm.errors import RequestError
from ddpm.loading.models import open_model
from ddpm.models.base import GenerativeModel
from ddpm.models.mixed_labels import MixedLabel
from ddpm.models.spec import ModelSpec
from ddpm.sampling.labels import blended_labels, choose_labels, class_index, one_label, parse_label


@cache
def digits() -> GenerativeModel:
    """The bundled digits, opened once for all examples. No test changes the model."""
    return open_model("digits", "cpu").model


def named(*names: str) -> ModelSpec:
    """The specification of the bundled digits with other class names."""
    return replace(digits().spec, class_names=names, class_counts=(1,) * len(names))


def test_labels_follow_the_data_and_depend_on_the_seed_alone() -> None:
    model = digits()
    labels = choose_labels(model, range(3000), None)
    assert labels is not None and labels[5:9] == choose_labels(model, range(5, 9), None)
    at_random = choose_labels(model, range(3000), None, at_random=True)
    assert at_random is not None and at_random != labels
    for found, tolerance in (
        (labels, 3 / 3000),
        (at_random, 0.03),
    ):  # 0.03: five standard deviations
        expected = np.array(model.spec.class_counts) / sum(model.spec.class_counts)
        assert np.abs(np.bincount(found, minlength=10) / 3000 - expected).max() < tolerance
    assert choose_labels(model, [4, 5], "7") == [7, 7]
    with pytest.raises(RequestError, match="the labels are 0, 1, 2"):
        choose_labels(model, [0], "eleven")


@given(
    st.lists(st.integers(0, 10_000), min_size=2, max_size=20).filter(any),
    st.integers(0, 2**63 - 5000),
    st.integers(1, 3000),
)
def test_seeds_in_a_row_take_the_classes_as_often_as_the_data_has_them(
    counts: list[int], first: int, n: int
) -> None:
    model = copy.copy(digits())
    names = tuple(map(str, range(len(counts))))
    model.spec = replace(model.spec, class_names=names, class_counts=tuple(counts))
    labels = choose_labels(model, range(first, first + n), None)
    assert labels is not None
    found = np.bincount(labels, minlength=len(counts))
    assert np.abs(found - n * np.array(counts) / sum(counts)).max() < 4


def test_a_class_is_where_a_multiple_of_the_golden_ratio_falls() -> None:
    getcontext().prec = 60
    golden = (Decimal(5).sqrt() - 1) / 2
    edges = np.cumsum(digits().spec.class_counts).tolist()
    seeds = [0, 1, 2, 3, 24, 999, 123_456]
    expected = [sum(edge <= (seed * golden % 1) * edges[-1] for edge in edges) for seed in seeds]
    assert choose_labels(digits(), seeds, None) == expected
    assert choose_labels(digits(), np.array(seeds), None) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize("label", ["caf\u00e9", "cafe\u0301"])
def test_a_label_is_found_in_composed_and_decomposed_form(label: str) -> None:
    assert (
        class_index(["tea", "caf\u00e9"], label) == class_index(["tea", "cafe\u0301"], label) == 1
    )


# Several labels


@pytest.mark.parametrize(
    ("label", "classes"),
    [
        ("cat", (0,)),
        ("cat,dog", (0, 1)),
        (" dog , cat ", (1, 0)),
        ("cat,cat,dog", (0, 0, 1)),
        ("all", (0, 1, 2, 3, 4)),
        ("salt, pepper", (2,)),  # a class with exactly this name
        ('"salt, pepper",cat', (2, 0)),
        ('5" disk', (3,)),
        ('cat,5" disk', (0, 3)),
        ("cafe\u0301,cat", (4, 0)),
    ],
)
def test_a_list_names_classes_in_order(label: str, classes: tuple[int, ...]) -> None:
    assert (
        parse_label(named("cat", "dog", "salt, pepper", '5" disk', "caf\u00e9"), label) == classes
    )


@pytest.mark.parametrize(
    "label", ["cow", "cat,cow", "cat,", ",", "", "cat;dog", '"cat', "0", "cat\ndog"]
)
def test_an_unknown_name_in_a_list_is_refused(label: str) -> None:
    with pytest.raises(RequestError, match="does not exist; the labels are cat, dog"):
        parse_label(named("cat", "dog"), label)


@pytest.mark.parametrize("label", ["k\udcfc1", r"k\udcfc1"])
def test_a_name_that_is_not_utf8_is_found_as_typed_and_as_shown(label: str) -> None:
    for stored in ("k\udcfc1", r"k\udcfc1"):
        assert parse_label(named("a", stored), f"{label},a") == (1, 0)


def test_a_class_called_all_is_that_class() -> None:
    assert parse_label(named("none", "all"), "all") == (1,)


@given(
    names=st.lists(
        st.text(st.characters(exclude_characters='",\r\n\x00'), min_size=1),
        min_size=1,
        unique_by=lambda name: name.strip(),
    ).filter(lambda names: all(n.strip() == n for n in names)),
    data=st.data(),
)
def test_every_list_of_names_is_read_back(names: list[str], data: st.DataObject) -> None:
    try:
        spec = named(*names)
        order = [class_index(names, name) for name in names]
    except RequestError:
        return
    chosen = data.draw(st.lists(st.sampled_from(order), min_size=1, max_size=5))
    label = ",".join(names[i] for i in chosen)
    if label != "all":
        assert parse_label(spec, label) == tuple(chosen)


@given(
    classes=st.integers(1, 12),
    columns=st.integers(1, 9),
    start=st.integers(0, 40),
    count=st.integers(0, 40),
)
def test_image_i_has_the_class_of_its_row(
    classes: int, columns: int, start: int, count: int
) -> None:
    """In any piece of the images, as chunks and resumed commands draw them."""
    model = copy.copy(digits())
    model.spec = named(*(f"c{i}" for i in range(classes)))
    label = ",".join(model.spec.class_names)
    whole = choose_labels(model, range(80), label, columns=columns)
    assert whole == [i // columns % classes for i in range(80)]
    piece = choose_labels(model, range(start, start + count), label, start=start, columns=columns)
    assert piece == whole[start : start + count]


def test_one_label_is_one() -> None:
    model = digits()
    assert one_label(model, "3") == "3" and one_label(model, None) is None
    for label in "3,4", "all":
        with pytest.raises(RequestError, match="names several labels; pass one"):
            one_label(model, label)


# Mixtures


@pytest.mark.parametrize(
    ("label", "parts"),
    [
        ("cat:0.5,dog:0.5", ((0, 0.5), (1, 0.5))),
        ("cat:1, dog:-.5", ((0, 1.0), (1, -0.5))),
        ("dog:2", ((1, 2.0),)),
    ],
)
def test_weights_make_a_mixture(label: str, parts: tuple[tuple[int, float], ...]) -> None:
    (found,) = parse_label(named("cat", "dog"), label)
    assert isinstance(found, MixedLabel) and found.parts == parts


def test_a_class_that_looks_like_a_mixture_comes_first() -> None:
    assert parse_label(named("cat", "cat:0.5"), "cat:0.5") == (1,)
    for label in ("cow:0.5", "cat:0.5,dog", "cat:nan", "cat:1e5", ":1"):
        with pytest.raises(RequestError, match="does not exist; the labels are cat, dog"):
            parse_label(named("cat", "dog"), label)


def test_labels_blend_from_class_to_class() -> None:
    model = digits()
    labels = blended_labels(model, "3", "8", 5)
    assert labels[0] == 3 and labels[-1] == 8
    assert [getattr(label, "parts", None) for label in labels[1:-1]] == [
        ((3, 1 - share), (8, share)) for share in (0.25, 0.5, 0.75)
    ]
    with pytest.raises(RequestError, match="pass --label too"):
        blended_labels(model, None, "8", 5)
    with pytest.raises(RequestError, match="'3,4' is not one class"):
        blended_labels(model, "3,4", "8", 5)
