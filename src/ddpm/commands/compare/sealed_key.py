"""A sealed answer: not to be read at a glance, and shown by its hash to be untouched.

It is a seal of honesty and no cryptography: anyone who means to can decode it. But its SHA-256 stands
on the sheet and in the forms, so that it cannot be changed after the judging without that being seen;
and a random number inside keeps the hash from giving the answers away.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from ddpm.errors import RequestError

HASH_DIGITS = 12  # digits of the hash on a sheet
_DESCRIPTION = (
    "Which picture came from where, sealed until the judging is done: open it with "
    "ddpm compare --tally. sha256 is that of the decoded text."
)


def seal(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The sealed document of `answer`, which is JSON with something random in it."""
    text = json.dumps(answer, sort_keys=True, ensure_ascii=False).encode()
    return {
        "format": 1,
        "what": _DESCRIPTION,
        "sha256": hashlib.sha256(text).hexdigest(),
        "sealed": base64.b64encode(text).decode(),
    }


def unseal(content: str, parts: Sequence[str]) -> tuple[dict[str, Any], str]:
    """The answer and its hash; RequestError, the reason in words, where the seal is broken.

    `parts`: keys that the answer must have.
    """
    try:
        document = json.loads(content)
        text = base64.b64decode(document["sealed"], validate=True)
        stated = document["sha256"]
        answer = json.loads(text)
        missing = [part for part in parts if part not in answer]
    except (ValueError, KeyError, TypeError) as error:
        raise RequestError("is no sealed key, or a damaged one; restore it as it was") from error
    found = hashlib.sha256(text).hexdigest()
    if found != stated or missing or not isinstance(answer, dict):
        raise RequestError("was changed after it was sealed; restore it as it was")
    return answer, found
