"""Values of keys: parsed, converted, quoted in errors."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from ddpm.config.values import coerce, parse_value, quote, suggestion, unknown_name_error
from ddpm.errors import RequestError


@pytest.mark.parametrize(
    ("text", "value"),
    [("3", 3), ("1e-3", 1e-3), ("true", True), ("yes", True), ("no", False), ("edm", "edm"), ("[1]", [1])],
)  # fmt: skip
def test_text_is_json_or_a_word(text: str, value: object) -> None:
    assert parse_value(text) == value


@pytest.mark.parametrize(
    ("value", "hint", "expected"),
    [
        (3, float, 3.0),
        (3.0, int, 3),
        ("1,2", tuple[int, ...], (1, 2)),
        (5, tuple[int, ...], (5,)),
        ("a", Literal["a", "b"], "a"),
        ("kmeans:3", bool | str, "kmeans:3"),
    ],
)
def test_a_value_gets_the_type_of_its_key(value: object, hint: Any, expected: object) -> None:
    converted = coerce(value, hint, "key")
    assert converted == expected and type(converted) is type(expected)


@pytest.mark.parametrize(
    ("value", "hint", "words"),
    [
        (2**63, int, r"key must be a number below 2\^63, not one with 19 digits"),
        (float("inf"), float, "key must be a finite number, not inf"),
        (True, int, "key must be a whole number, not True"),
        ("c", Literal["a", "b"], "key cannot be 'c'; the choices are a, b"),
        ([1, 2, 3], tuple[float, float], "key needs 2 values, not 3"),
    ],
)
def test_another_type_is_refused(value: object, hint: Any, words: str) -> None:
    with pytest.raises(RequestError, match=words):
        coerce(value, hint, "key")


def test_a_long_value_is_quoted_in_part() -> None:
    assert quote("ab") == "'ab'"
    assert len(quote("x" * 1000)) == 101 and quote("x" * 1000).endswith("…")


def test_a_similar_name_is_suggested() -> None:
    assert suggestion("unipcc", ["ddim", "unipc"]) == "did you mean unipc? "
    assert suggestion("zzz", ["ddim", "unipc"]) == ""
    error = unknown_name_error("sampler", "unipcc", {"ddim": 1, "unipc": 2})
    assert str(error) == (
        "There is no sampler 'unipcc'; did you mean unipc? the choices are ddim, unipc."
    )
    many = unknown_name_error("run", "zz", [f"run{n}" for n in range(100)])
    assert str(many).endswith(", run29 and 70 more.")
