"""Rows of tables that name their source: they act as their function."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from ddpm.diffusion.cited import Cited, check_known
from ddpm.diffusion.objectives import OBJECTIVES, WEIGHTINGS
from ddpm.diffusion.schedules import SCHEDULES
from ddpm.documents.citations import SOURCES


def test_a_row_acts_as_its_function() -> None:
    row = Cited(lambda a, *, b: a - b, "ho2020")
    assert row(5, b=3) == 2
    with pytest.raises(FrozenInstanceError):
        row.source = "other"  # type: ignore[misc]


def test_every_source_is_in_the_bibliography() -> None:
    rows = [*SCHEDULES.values(), *OBJECTIVES.values(), *WEIGHTINGS.values()]
    sources = [row.source for row in rows if isinstance(row, Cited)]
    assert len(sources) > 5
    assert set(sources) <= SOURCES.keys()


def test_an_unknown_name_is_answered_with_the_most_similar_one() -> None:
    check_known("schedule", "cosine", ("linear", "cosine"))
    for name, sentence in (
        (
            "cosin",
            "there is no schedule 'cosin'; did you mean 'cosine'? choose one of linear, cosine",
        ),
        ("xyz", "there is no schedule 'xyz'; choose one of linear, cosine"),
        ([1], "there is no schedule [1]; choose one of linear, cosine"),
    ):
        with pytest.raises(ValueError, match="there is no schedule") as refusal:
            check_known("schedule", name, ("linear", "cosine"))
        assert str(refusal.value) == sentence
