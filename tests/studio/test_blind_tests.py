"""Blind tests: where a picture came from is not told before the answers are in."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ddpm.errors import RequestError
from ddpm.studio.blind_tests import KEPT_TESTS, BlindTests
from ddpm.studio.refusals import RefusalError
from ddpm.studio.services import Services
from tests.studio.asgi import run

KEY = {"labels": ["a", "real images"], "entries": 1, "pictures": [0, 1], "pairs": []}
PICTURES = np.arange(2 * 64, dtype=np.uint8).reshape(2, 1, 8, 8)


class Worker:
    """A worker that draws two pictures and counts what it is told."""

    async def run(self, task: str, arguments: dict[str, Any], on_event: Any) -> dict[str, Any]:
        assert (task, arguments) == ("blind", {"targets": ["bundled:digits"], "n": 1})
        on_event({"event": "images", "shape": [2, 1, 8, 8]}, PICTURES.tobytes())
        return KEY

    async def ask(self, task: str, **arguments: Any) -> dict[str, Any]:
        return {"task": task, **arguments}


@pytest.fixture
def tests() -> BlindTests:
    return BlindTests(Worker())  # type: ignore[arg-type]


def test_the_pictures_are_numbered_and_the_key_stays_here(
    tests: BlindTests, services: Services
) -> None:
    found = run(tests.start([services.models.get("bundled:digits")], 1))
    assert [item["number"] for item in found["items"]] == [1, 2]
    assert set(found) == {"id", "items"} and set(found["items"][0]) == {"number", "url"}
    second = Image.open(io.BytesIO(tests.picture(found["id"], 2)))
    assert (np.asarray(second) == PICTURES[1, 0]).all()
    for number in (0, 3):
        with pytest.raises(RefusalError):
            tests.picture(found["id"], number)
    told = run(tests.tally(found["id"], {1: "real", 2: "generated"}))
    assert told == {"task": "tally", "key": KEY, "answers": [[1, 1.0], [2, 0.0]]}


def test_wrong_answers_and_unknown_tests_are_sentences(
    tests: BlindTests, services: Services
) -> None:
    id = run(tests.start([services.models.get("bundled:digits")], 1))["id"]
    for answers in ({3: "real"}, {1: "perhaps"}):
        with pytest.raises(RequestError, match="1 to 2"):
            run(tests.tally(id, answers))
    with pytest.raises(RefusalError):
        run(tests.tally("unknown", {1: "real"}))


def test_the_oldest_test_is_dropped(tests: BlindTests, services: Services) -> None:
    card = services.models.get("bundled:digits")
    ids = [run(tests.start([card], 1))["id"] for _ in range(KEPT_TESTS + 1)]
    with pytest.raises(RefusalError):
        tests.picture(ids[0], 1)
    assert tests.picture(ids[1], 1)
