"""Edits through the server."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ddpm.studio.gate import Gate
from tests.studio.asgi import answer
from tests.studio.live import Client


def png() -> str:
    buffer = io.BytesIO()
    Image.fromarray(np.full((8, 8), 90, np.uint8)).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def test_an_image_of_a_drawing_is_edited(studio: Client) -> None:
    drawn = studio.drawn(model="run:noisy", n=2)
    body = {
        "kind": "refine",
        "model": "run:noisy",
        "n": 2,
        "image": {"draw": drawn["id"], "index": 1},
    }
    started = studio.post("/api/edits", body)
    assert started.status == 202 and started.json()["command"].startswith("ddpm refine ")
    row = studio.ended(f"/api/draws/{started.json()['id']}")
    assert (row["state"], row["kind"], row["n"]) == ("done", "refine", 2), row["error"]
    assert studio.content(f"/api/draws/{row['id']}/frames/0/x.png").startswith(b"\x89PNG")
    assert studio.content(f"/api/draws/{row['id']}/grid.png").startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"kind": "paint", "model": "bundled:digits"}, 422),
        ({"kind": "inpaint", "model": "bundled:digits", "image": {"png": png()}}, 422),  # no mask
        ({"kind": "refine", "model": "bundled:digits", "image": {"png": "!"}}, 422),
        ({"kind": "refine", "model": "bundled:digits", "image": {"draw": "x"}}, 404),
        ({"kind": "refine", "model": "bundled:digits", "image": {"png": "A" * 900_001}}, 422),
        ({"kind": "refine", "model": "bundled:x", "image": {"png": png()}}, 404),
        ({"kind": "interpolate", "model": "bundled:digits", "pairs": 9}, 422),
    ],
)
def test_a_wrong_edit_is_a_sentence(body: dict[str, Any], status: int, gate: Gate) -> None:
    found = answer(gate, "POST", "/api/edits", body)
    assert found.status == status and found.json()["error"]
