"""A sealed key: encoded, so that it is not read by accident, and protected against changes by a hash.

The encoding is not encryption. The SHA-256 is printed on the sheets and in the forms, so that a later
change is detected. A random number inside keeps the hash from revealing the answers.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from ddpm.errors import RequestError

HASH_DIGITS = 12  # of the hash, on a sheet
_DESCRIPTION = (
    "Which picture came from where, sealed until the judging is done: open it with "
    "ddpm compare --tally. sha256 is that of the decoded text."
)


def seal(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the sealed document of `answer`, plain JSON values that include a random number."""
    text = json.dumps(answer, sort_keys=True, ensure_ascii=False).encode("utf-8", "surrogatepass")
    return {
        "format": 1,
        "what": _DESCRIPTION,
        "sha256": hashlib.sha256(text).hexdigest(),
        "sealed": base64.b64encode(text).decode(),
    }


def unseal(content: str, parts: Sequence[str]) -> tuple[dict[str, Any], str]:
    """Return the answer and its hash.

    RequestError, with a message that continues the file's name, if the seal is broken or a key of
    `parts` is missing.
    """
    try:
        document = json.loads(content)
        text = base64.b64decode(document["sealed"], validate=True)
        stated = document["sha256"]
        answer = json.loads(text)
        missing = [part for part in parts if part not in answer]
    except (ValueError, KeyError, TypeError) as error:
        raise RequestError(
            "is not a sealed key, or is damaged; restore the original file"
        ) from error
    actual = hashlib.sha256(text).hexdigest()
    if actual != stated or missing or not isinstance(answer, dict):
        raise RequestError("was changed after it was sealed; restore the original file")
    return answer, actual
