"""The sealed key of a blind test: it opens again, cannot be read by accident, and shows changes."""

from __future__ import annotations

import base64
import json

import pytest

from ddpm.commands.compare.sealed_key import seal, unseal
from ddpm.errors import RequestError

ANSWER = {"labels": ["a", "caf\udce9"], "pictures": [0, 1], "nonce": "7f"}


def test_a_sealed_answer_opens_again_and_cannot_be_read_at_a_glance() -> None:
    document = json.dumps(seal(ANSWER))
    answer, digest = unseal(document, ["labels"])
    assert answer == ANSWER
    assert digest == json.loads(document)["sha256"]
    assert "labels" not in document


def changed(**others: object) -> str:
    return json.dumps({**seal(ANSWER), **others})


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("no json", "not a sealed key"),
        ("[]", "not a sealed key"),
        (changed(sealed="***"), "not a sealed key"),
        (
            changed(sealed=base64.b64encode(b'{"labels": []}').decode()),
            "changed after it was sealed",
        ),
        (changed(sha256="0" * 64), "changed after it was sealed"),
        (json.dumps(seal({"other": 1})), "changed after it was sealed"),
    ],
)
def test_a_broken_seal_is_seen(document: str, words: str) -> None:
    with pytest.raises(RequestError, match=words):
        unseal(document, ["labels"])
