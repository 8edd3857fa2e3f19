"""Edits through the server."""

from __future__ import annotations

import base64
import io
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ddpm.cli import main
from ddpm.studio.gate import Gate
from tests.studio.asgi import answer
from tests.studio.live import Client


def png(right: int = 90) -> str:
    """Return an 8x8 picture in base64, whose right half has a gray value of its own."""
    pixels = np.full((8, 8), 90, np.uint8)
    pixels[:, 4:] = right
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def half_white() -> str:
    return png(right=255)


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


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "inpaint", "n": 2, "seed": 3, "image": {"png": png()}, "mask": half_white()},
        {"kind": "refine", "n": 5, "strength": 0.7, "steps": 3, "image": {"png": png()}},
        {"kind": "interpolate", "pairs": 2, "between": 1, "sampler": "ancestral", "steps": 3},
    ],
    ids=lambda body: body["kind"],
)
def test_the_sheet_is_the_file_of_the_command(
    body: dict[str, Any], studio: Client, workplace: Path
) -> None:
    started = studio.post("/api/edits", {"model": "run:noisy", **body}).json()
    row = studio.ended(f"/api/draws/{started['id']}")
    assert row["state"] == "done", row["error"]
    main([*shlex.split(started["command"])[1:], "--out", "sheet.png"])
    assert studio.content(f"/api/draws/{row['id']}/grid.png") == Path("sheet.png").read_bytes()


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
