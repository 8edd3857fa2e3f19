"""Pictures of a blind test: each source as often, in no order, and counted as `--tally` counts."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ddpm import export
from ddpm.errors import RequestError
from ddpm.loading.datasets import open_dataset
from ddpm.loading.models import open_model
from ddpm.studio.blind_pictures import draw_pictures, tally_answers
from ddpm.studio.model_shelf import ModelShelf
from ddpm.studio.worker_tasks import Task

Sent = list[tuple[dict[str, Any], bytes]]


def task(sent: Sent, **arguments: Any) -> Task:
    def reply(event: str, payload: bytes = b"", **fields: Any) -> None:
        sent.append(({"event": event, **fields}, payload))

    return Task(arguments, ModelShelf(), b"", reply, threading.Event())


def test_every_source_is_shown_as_often(workplace: Path) -> None:
    model = open_model("bundled:digits").model
    copy = export("bundled:digits", "safetensors", workplace / "copy.safetensors")
    sent: Sent = []
    key = draw_pictures(task(sent, targets=["bundled:digits", str(copy)], n=4))
    ((message, payload),) = sent
    pictures = np.frombuffer(payload, np.uint8).reshape(message["shape"])
    assert Counter(key["pictures"]) == {0: 4, 1: 4, 2: 4} and len(pictures) == 12
    real = np.asarray(open_dataset(model.spec.config).images)
    for picture, source in zip(pictures, key["pictures"], strict=True):
        assert (source == 2) == bool((real == picture).all(axis=(1, 2, 3)).any())


def test_one_model_alone_is_no_comparison() -> None:
    with pytest.raises(RequestError, match="2 to 6"):
        draw_pictures(task([], targets=["bundled:digits"], n=2))


def test_answers_are_shares_with_intervals() -> None:
    key = {
        "labels": ["a", "b", "real images"],
        "entries": 2,
        "pictures": [0, 1, 2, 0, 1, 2],
        "pairs": [],
    }
    answers = [[1, 1.0], [2, 0.0], [3, 1.0], [4, 0.0], [5, 0.0]]
    found = tally_answers(task([], key=key, answers=answers))
    assert [(row["name"], row["judged"], row["called_real"]) for row in found["rows"]] == [
        ("a", 2, 0.5), ("b", 2, 0.0), ("real images", 1, 1.0),
    ]  # fmt: skip
    assert all(0 <= row["low"] <= row["high"] <= 1 for row in found["rows"]) and found["sentence"]
