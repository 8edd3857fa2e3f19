"""Fields of requests in library calls: converted where that is safe, else one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

from ddpm.commands.request_fields import checked, make_checked
from ddpm.errors import RequestError


@dataclass(frozen=True)
class Request:
    target: str
    out: Path | None = None
    n: int | None = None
    seed: int = 0
    minutes: float | None = None
    kind: Literal["page", "onnx"] = "page"
    names: Sequence[str] = ()
    quick: bool = False


def made(*args: Any, **fields: Any) -> Request:
    return make_checked(Request, args, fields)


def test_text_and_paths_are_taken_for_each_other() -> None:
    assert made("a", "b/c.png") == Request("a", Path("b/c.png"))
    assert made(Path("runs/a"), Path("b")) == Request("runs/a", Path("b"))
    assert made("a", names=["x", "y"]).names == ["x", "y"]
    assert made("a", minutes=2).minutes == 2.0 and made("a", n=3.0).n == 3


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, "missing 1 required positional argument: 'target'"),
        ({"target": "a", "outt": "b"}, "There is no argument 'outt'; did you mean out?"),
        ({"target": 3}, "target must be text, not 3."),
        ({"target": "a", "out": 3}, "out must be a path, not a value of type int."),
        ({"target": "a", "n": 0}, "n is 0; pass a whole number of at least 1."),
        ({"target": "a", "n": "9"}, "n must be a whole number or"),
        ({"target": "a", "n": True}, "n must be a whole number or"),
        ({"target": "a", "seed": -1}, "seed is -1; pass a whole number of at least 0."),
        ({"target": "a", "seed": None}, "seed must be a whole number, not None."),
        ({"target": "a", "minutes": float("nan")}, "minutes must be a finite number"),
        ({"target": "a", "kind": "onx"}, "kind cannot be 'onx'; did you mean onnx?"),
        ({"target": "a", "names": "x"}, "names must be a list, such as ['x']"),
        ({"target": "a", "names": [1]}, "names must be text, not 1."),
        ({"target": "a", "names": 5}, "names must be a list, such as [5]"),
        ({"target": "a", "quick": "no"}, "quick must be true or false"),
    ],
)
def test_a_wrong_field_is_one_sentence(fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(RequestError) as caught:
        made(**fields)
    assert sentence in str(caught.value) and "\n" not in str(caught.value)


def test_a_request_made_by_hand_is_checked_as_well() -> None:
    with pytest.raises(RequestError, match="n is -1"):
        checked(Request("a", n=-1))
    assert checked(Request("a", seed=0)) == Request("a")
