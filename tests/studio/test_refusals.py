"""Refusals: a status and a sentence."""

from __future__ import annotations

from ddpm.studio.refusals import RefusalError, not_found


def test_a_refusal_has_a_status_and_a_sentence() -> None:
    refusal = not_found("such run")
    assert isinstance(refusal, RefusalError)
    assert (refusal.status, str(refusal)) == (404, refusal.sentence)
    assert refusal.sentence.startswith("There is no such run")
