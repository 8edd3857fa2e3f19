"""Blind tests by eye: the server keeps which picture came from where until all answers are in."""

from __future__ import annotations

import io
import secrets
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from ddpm.data.image_files import Images
from ddpm.errors import RequestError
from ddpm.studio.model_cards import ModelCard
from ddpm.studio.refusals import not_found
from ddpm.studio.worker_link import WorkerLink
from ddpm.studio.worker_messages import Message

KEPT_TESTS = 10
ANSWERS = {"real": 1.0, "generated": 0.0}


@dataclass(frozen=True)
class BlindTest:
    """Numbered pictures, and the key to where they came from."""

    pictures: Images  # uint8 [N, C, H, W]
    key: dict[str, Any]


class BlindTests:
    """The newest blind tests of a server."""

    def __init__(self, worker: WorkerLink) -> None:
        self._worker = worker
        self._tests: OrderedDict[str, BlindTest] = OrderedDict()

    async def start(self, cards: Sequence[ModelCard], n: int) -> dict[str, Any]:
        """Draw a test with `n` images of each model and of the real ones.

        RequestError if the models cannot be compared.
        """
        received: list[Images] = []

        def on_event(message: Message, payload: bytes) -> None:
            received.append(np.frombuffer(payload, np.uint8).reshape(message["shape"]))

        arguments = {"targets": [card.target for card in cards], "n": n}
        key = await self._worker.run("blind", arguments, on_event)
        id = secrets.token_hex(6)
        self._tests[id] = BlindTest(received[0], key)
        while len(self._tests) > KEPT_TESTS:
            self._tests.popitem(last=False)
        numbers = range(1, len(received[0]) + 1)
        return {
            "id": id,
            "items": [{"number": k, "url": f"/api/blind-tests/{id}/{k}.png"} for k in numbers],
        }

    def picture(self, id: str, number: int) -> bytes:
        """Return a numbered picture as PNG. RefusalError (404) if there is none."""
        pictures = self._get(id).pictures
        if not 1 <= number <= len(pictures):
            raise not_found("such picture")
        image = pictures[number - 1]
        buffer = io.BytesIO()
        pixels = image[0] if len(image) == 1 else image.transpose(1, 2, 0)
        Image.fromarray(pixels).save(buffer, "PNG")
        return buffer.getvalue()

    async def tally(self, id: str, answers: Mapping[int, str]) -> Any:
        """Return how often the pictures of each source were called real. RequestError for a wrong answer."""
        test = self._get(id)
        for number, answer in answers.items():
            if answer not in ANSWERS or not 1 <= number <= len(test.pictures):
                raise RequestError(
                    f"Picture {number} was answered with {answer!r}; there are 1 to {len(test.pictures)}, "
                    "real or generated."
                )
        numbers = [[number, ANSWERS[answer]] for number, answer in answers.items()]
        return await self._worker.ask("tally", key=test.key, answers=numbers)

    def _get(self, id: str) -> BlindTest:
        if id not in self._tests:
            raise not_found("such blind test")
        return self._tests[id]
