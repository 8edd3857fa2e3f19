"""Drawing in the worker: the bits of `ddpm sample`, sent step by step."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ddpm.errors import RequestError
from ddpm.loading.models import open_model
from ddpm.sampling.samples import sample_images
from ddpm.sampling.settings import resolve_settings
from ddpm.studio.drawing import KEPT_FRAMES, draw, evenly_spaced
from ddpm.studio.model_shelf import ModelShelf
from ddpm.studio.worker_tasks import CancelledError, Task


class Sent(list[tuple[dict[str, Any], bytes]]):
    """Events of a task."""

    def take(self, event: str, payload: bytes = b"", **fields: Any) -> None:
        self.append(({"event": event, **fields}, payload))

    def of(self, event: str) -> Sent:
        return Sent(entry for entry in self if entry[0]["event"] == event)


def task_of(sent: Sent, model: Path, cancelled: threading.Event | None = None, **more: Any) -> Task:
    arguments = {
        "target": str(model), "overrides": [], "seed": 3, "n": 5, "label": None, "shape": [2, 3],
    }  # fmt: skip
    event = cancelled or threading.Event()
    return Task(arguments | more, ModelShelf(), b"", sent.take, event)


@pytest.mark.parametrize("overrides", [[], ["sampling.chunk=2"], ["sampling.sampler=ancestral"]])
def test_images_and_frames_are_those_of_the_library(
    overrides: list[str], make_run: Callable[..., Path]
) -> None:
    target, sent = make_run("drawn", (1, 8, 8), data="digits"), Sent()
    steps = [] if overrides[:1] != ["sampling.sampler=ancestral"] else ["sampling.steps=6"]
    found = draw(task_of(sent, target, overrides=[*overrides, *steps]))
    model = open_model(str(target)).model
    settings = resolve_settings(model, [*overrides, *steps])
    with torch.no_grad():
        expected = sample_images(model, range(3, 8), None, settings)
    ((_, payload),) = sent.of("images")
    assert payload == expected.tobytes()
    frames = sent.of("frame")
    assert [m["index"] for m, _ in frames] == list(range(settings.steps + 1)) * (
        5 // settings.chunk + 1
    )
    message, pair = [entry for entry in frames if entry[0]["start"] == 0][-1]
    last = np.frombuffer(pair, np.uint8).reshape(2, message["count"], 1, 8, 8)
    assert (last[0] == expected[: message["count"]]).all() and message["log_snr"] is None
    assert frames[0][0]["t"] == 999 and message["t"] is None
    assert "seeds 3–7" in found["caption"] and '"seeds":[3,4,5,6,7]' in found["comment"]


def test_a_cancelled_drawing_stops_at_the_next_step(make_run: Callable[..., Path]) -> None:
    cancelled, sent = threading.Event(), Sent()

    class Stops(Sent):
        def take(self, event: str, payload: bytes = b"", **fields: Any) -> None:
            super().take(event, payload, **fields)
            if event == "frame":
                cancelled.set()

    sent = Stops()
    with pytest.raises(CancelledError):
        draw(task_of(sent, make_run("drawn", (1, 8, 8), data="digits"), cancelled))
    assert len(sent.of("frame")) == 1 and not sent.of("images")


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"overrides": ["sampling.steps=2000"]}, "2000"),
        ({"label": "cat"}, "labels"),
        ({"overrides": ["sampling.guidance=2"]}, "no labels"),
        ({"target": "nowhere"}, "nowhere"),
    ],
)
def test_a_wrong_request_is_a_sentence(
    more: dict[str, Any], sentence: str, make_run: Callable[..., Path]
) -> None:
    with pytest.raises(RequestError, match=sentence):
        draw(task_of(Sent(), make_run("drawn", (1, 8, 8), data="digits"), **more))


def test_a_model_without_steps_sends_one_frame(make_run: Callable[..., Path]) -> None:
    sent = Sent()
    draw(task_of(sent, make_run("gan", (1, 28, 28), model="dcgan")))
    ((message, _),) = sent.of("frame")
    assert (message["index"], message["frames"], message["t"]) == (0, 1, None)


@pytest.mark.parametrize("total", [1, 2, 40, 48, 49, 96, 1001])
def test_kept_frames_are_spaced_evenly(total: int) -> None:
    chosen = evenly_spaced(total, KEPT_FRAMES)
    assert (chosen[0], chosen[-1]) == (0, total - 1)
    assert len(set(chosen)) == len(chosen) == min(total, KEPT_FRAMES)
    gaps = np.diff(chosen)
    assert not len(gaps) or gaps.max() - gaps.min() <= 1
