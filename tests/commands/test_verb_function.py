"""Functions of commands, called with a request or with its fields."""

from __future__ import annotations

import inspect

import pytest

import ddpm
from ddpm.commands.compare.compare import ComparisonRequest
from ddpm.commands.verb_function import takes_fields
from ddpm.errors import RequestError


def test_a_verb_takes_a_request_or_its_fields() -> None:
    double = takes_fields(ComparisonRequest)(lambda request: (request.targets, request.n))
    assert double(["a"], n=3) == double(ComparisonRequest(["a"], n=3)) == (["a"], 3)
    assert list(inspect.signature(ddpm.evaluate).parameters)[:3] == ["target", "reference", "n"]
    with pytest.raises(RequestError, match="no argument 'm'"):
        double(["a"], m=3)  # type: ignore[call-overload]
