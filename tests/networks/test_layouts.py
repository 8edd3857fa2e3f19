"""Layouts of imported networks: a value outside its check is refused before anything is made."""

from __future__ import annotations

import json

import pytest

from ddpm.networks.layouts import (
    either,
    layout_text,
    none_or,
    number,
    parse_layout,
    series,
    whole,
)

CHECKS = {"widths": series(whole(1, 8)), "name": either("a", None), "eps": none_or(number(0, 1))}


def test_a_layout_comes_back() -> None:
    values = {"widths": [1, 8], "name": None, "eps": 0.5}
    assert parse_layout(layout_text(values), CHECKS) == values


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "comes from ddpm import"),
        ("no json", "not a JSON object"),
        ("[" * 5000, "not a JSON object"),
        ("[1]", "not a JSON object"),
        ('{"widths": [1]}', "lacks name, eps"),
        ('{"widths": [9], "name": "a", "eps": 0}', r"widths=\[9\], which is not supported"),
        ('{"widths": [true], "name": "a", "eps": 0}', "not supported"),
        ('{"widths": [], "name": "a", "eps": 0}', "not supported"),
        (json.dumps({"widths": [1] * 11, "name": "a", "eps": 0}), "not supported"),
        ('{"widths": [1], "name": "b", "eps": 0}', "name=b"),
        ('{"widths": [1], "name": "a", "eps": NaN}', "eps=nan"),
        ('{"widths": [1], "name": "a", "eps": 0, "code": "x"}', "code=x"),
    ],
)
def test_anything_else_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_layout(text, CHECKS)
