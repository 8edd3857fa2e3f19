"""Runs and comparisons as a report shows them, also from files of older versions."""

from __future__ import annotations

from pathlib import Path

import pytest

from ddpm.commands.report.reported_run import read_evaluation
from ddpm.commands.report.words.languages import Words

GOLDEN = Path(__file__).parents[2] / "golden"


@pytest.mark.parametrize(
    ("language", "reference", "sampled"),
    [
        ("en", "877 training images, one half of them", "dpm++2m, 4 steps"),
        ("zh-TW", " 877 張訓練影像（其中一半）", "dpm++2m、4 步"),
    ],
)
def test_an_evaluation_with_sentences_is_shown_in_every_language(
    language: str, reference: str, sampled: str
) -> None:
    found, words = read_evaluation(GOLDEN / "muon" / "evaluation.json"), Words(language)
    assert found is not None and found["notes"] == []
    assert words.sentence(found["reference"]["what"]) == reference
    assert words.sentence(found["drawn"]) == sampled
