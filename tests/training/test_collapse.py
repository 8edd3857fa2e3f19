"""The watch over a GAN: quiet in health, one warning at each onset, the same after a resume."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ddpm.messages import warning_text
from ddpm.training.collapse import GRACE_STEPS, SYMPTOMS, WINDOW, CollapseWatch
from tests.examples import examples

Rows = list[dict[str, Any]]
HEALTHY = {"diversity": 0.9, "fake_score": 0.2}


def rows(count: int, first: int = 1, **values: float) -> Rows:
    return [{"step": step, **HEALTHY, **values} for step in range(first, first + count)]


def warnings(given: Rows, watch: CollapseWatch | None = None) -> Rows:
    watch = watch or CollapseWatch()
    return [warning for row in given for warning in watch(row)]


def test_a_healthy_run_is_quiet() -> None:
    assert warnings(rows(3000)) == []


@pytest.mark.parametrize(
    ("key", "words"), [("diversity", "has collapsed"), ("fake_score", "never fooled")]
)
def test_a_warning_is_given_once_and_again_after_a_recovery(key: str, words: str) -> None:
    bad = {key: 0.0}
    ill = [*rows(1000), *rows(500, 1001, **bad), *rows(500, 1501), *rows(500, 2001, **bad)]
    first, second = warnings(ill)
    for warning, onset in ((first, 1001), (second, 2001)):
        assert onset < warning["step"] < onset + WINDOW
        text = warning_text(warning["warning"])
        assert words in text and "training.learning_rate" in text and "--out" in text


def test_the_start_is_not_judged() -> None:
    assert warnings(rows(GRACE_STEPS, diversity=0.0)) == []
    [warning] = warnings(rows(GRACE_STEPS + 2 * WINDOW, diversity=0.0))
    assert warning["step"] == GRACE_STEPS + WINDOW


def test_one_bad_step_is_no_trouble() -> None:
    given = [row for i in range(20) for row in (*rows(99, 100 * i + 1), *rows(1, 100 * i + 100, diversity=0.0))]  # fmt: skip  # noqa: E501
    assert warnings(given) == []


@pytest.mark.parametrize("sign", SYMPTOMS, ids=lambda sign: sign.key)
def test_wavering_about_the_onset_is_one_onset(sign: Any) -> None:
    assert sign.onset < sign.recovery
    wavering = [
        row
        for i in range(20)
        for row in rows(150, 1000 + 150 * i, **{sign.key: sign.onset * (1.2 if i % 2 else 0.8)})
    ]
    assert len(warnings([*rows(900), *wavering])) == 1


def test_other_rows_pass() -> None:
    watch = CollapseWatch()
    for row in ({"step": 999, "loss": 0.1, "batch": 4}, {"step": 999, "warning": "words"}):
        assert watch(row) == []


@settings(max_examples=examples(30), deadline=None)
@given(
    cut=st.integers(0, 1500),
    levels=st.lists(st.floats(0, 1), min_size=6, max_size=6),
)
def test_a_resumed_log_repeats_the_same_warnings(cut: int, levels: list[float]) -> None:
    given = [
        row
        for i, level in enumerate(levels)
        for row in rows(250, 250 * i + 1, diversity=level, fake_score=level / 20)
    ]
    whole = warnings(given)
    again = CollapseWatch()  # is shown the log, its own warnings among the rows, and goes on
    for row in given[:cut]:
        for line in (row, *[w for w in whole if w["step"] == row["step"]]):
            again(line)
    assert warnings(given[cut:], again) == [w for w in whole if w["step"] > cut]
