"""Edits in the worker: the bits of the commands, sent step by step."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ddpm import inpaint, interpolate, open_model, refine
from ddpm.data.image_files import read_image
from ddpm.errors import RequestError
from ddpm.studio.edit_drawing import edit
from ddpm.studio.model_shelf import ModelShelf
from ddpm.studio.worker_tasks import Task

Sent = list[tuple[dict[str, Any], bytes]]
STEPS = "sampling.steps=3"


@pytest.fixture
def pictures(workplace: Path) -> dict[str, str]:
    """An 8x8 image, and a mask whose right half is white."""
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (8, 8), dtype=np.uint8)).save("image.png")
    mask = np.zeros((8, 8), np.uint8)
    mask[:, 4:] = 255
    Image.fromarray(mask).save("mask.png")
    return {"image": "image.png", "mask": "mask.png"}


def done(kind: str, **more: Any) -> tuple[dict[str, Any], Sent]:
    """The answer of an edit with the bundled digits, and its events."""
    sent: Sent = []
    arguments = {
        "kind": kind, "target": "bundled:digits", "overrides": [STEPS], "seed": 4, "n": 3, "label": "5",
        "strength": 0.6, "pairs": 2, "between": 1, **more,
    }  # fmt: skip

    def reply(event: str, payload: bytes = b"", **fields: Any) -> None:
        sent.append(({"event": event, **fields}, payload))

    return edit(Task(arguments, ModelShelf(), b"", reply, threading.Event())), sent


def images_of(sent: Sent) -> np.ndarray:  # type: ignore[type-arg]
    ((message, payload),) = [entry for entry in sent if entry[0]["event"] == "images"]
    return np.frombuffer(payload, np.uint8).reshape(message["shape"])


def test_inpainting_is_the_librarys(pictures: dict[str, str]) -> None:
    answer, sent = done("inpaint", **pictures)
    image, mask = read_image(Path("image.png")), read_image(Path("mask.png"))[0]
    model = open_model("bundled:digits").model
    expected = inpaint(model, image, mask, n=3, seed=4, label="5", settings=[STEPS])
    assert (images_of(sent) == expected.numpy()).all()
    assert "seeds 4–6" in answer["caption"] and answer["comment"] == ""


def test_refining_is_the_librarys_and_its_last_frame_its_result(pictures: dict[str, str]) -> None:
    _, sent = done("refine", **pictures)
    model = open_model("bundled:digits").model
    image = read_image(Path("image.png"))
    expected = refine(model, image, 0.6, 3, seed=4, label="5", settings=[STEPS])
    assert (images_of(sent) == expected.numpy()).all()
    frames = [entry for entry in sent if entry[0]["event"] == "frame"]
    assert [message["step"] for message, _ in frames] == [1, 2]  # 60 % of 3 steps
    assert frames[-1][1][: expected.numel()] == expected.numpy().tobytes()


def test_a_walk_is_the_librarys(pictures: dict[str, str]) -> None:
    _, sent = done("interpolate")
    model = open_model("bundled:digits").model
    rows = [interpolate(model, ends, 1, label="5", settings=[STEPS]) for ends in ((4, 5), (6, 7))]
    assert (images_of(sent) == np.concatenate([row.numpy() for row in rows])).all()
    starts = [message["start"] for message, _ in sent if message["event"] == "frame"]
    assert starts == [0, 0, 0, 3, 3, 3]


def test_a_mask_that_marks_nothing_is_a_sentence(pictures: dict[str, str]) -> None:
    Image.fromarray(np.zeros((8, 8), np.uint8)).save("black.png")
    with pytest.raises(RequestError, match="white where the image is redrawn"):
        done("inpaint", image="image.png", mask="black.png")
