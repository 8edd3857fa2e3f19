"""Runs through the server."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ddpm.runs import RunFolder
from ddpm.studio.gate import Gate
from tests.studio.asgi import answer
from tests.studio.live import Client


def test_cards_pages_and_logs(studio: Client) -> None:
    cards = studio.get("/api/runs")
    assert [card["id"] for card in cards] == ["flat", "noisy"]
    page = studio.get("/api/runs/noisy")
    assert page["state"] == "finished"
    assert studio.get("/api/runs/noisy/doctor")[0]["sentence"]
    log = studio.get("/api/runs/noisy/metrics?after=9")
    assert log["steps"] == [10, 11] and log["loss"] == [1 / 10, 1 / 11]


def test_pictures_are_served_as_they_are(gate: Gate, add_run: Any) -> None:
    run = RunFolder(add_run("a"))
    run.previews.mkdir()
    Image.fromarray(np.zeros((2, 2), np.uint8)).save(run.preview(500))
    run.denoising.write_bytes(b"GIF89a")
    found = answer(gate, "GET", "/api/runs/a/previews/500.png")
    assert found.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(found.body)).size == (2, 2)
    gif = answer(gate, "GET", "/api/runs/a/pictures/denoising")
    assert (gif.status, gif.headers["content-type"]) == (200, "image/gif")
    assert answer(gate, "GET", "/api/runs/a/pictures/denoising?still=true").status == 404
    Image.new("L", (2, 2)).save(run.denoising, "GIF")
    still = answer(gate, "GET", "/api/runs/a/pictures/denoising?still=true")
    assert (still.status, still.headers["content-type"]) == (200, "image/png")
    assert answer(gate, "GET", "/api/runs/a/pictures/samples").status == 404


HOSTILE = [
    "/api/runs/..", "/api/runs/%2e%2e", "/api/runs/../../etc/metrics", "/api/runs/~/metrics",
    "/api/runs/a/previews/../1.png", "/api/runs/a/previews/-1.png", "/api/runs/a/previews/1e3.png",
    "/api/runs/a/pictures/../config.json", "/api/runs/a/pictures/config.json", "/api/runs/a%00/metrics",
    "/api/runs/a/metrics?after=x", "/api/runs/.studio",
]  # fmt: skip


@pytest.mark.parametrize("path", HOSTILE)
def test_no_id_is_a_path(path: str, gate: Gate, add_run: Any) -> None:
    add_run("a")
    found = answer(gate, "GET", path)
    assert found.status in (404, 422) and found.json()["error"], (path, found)


@pytest.mark.parametrize("name", ["<script>alert(1)", "two\nlines", "\u202egnp.exe"])
def test_a_hostile_name_is_data(name: str, gate: Gate, add_run: Any, runs: Path) -> None:
    add_run(name)
    (card,) = answer(gate, "GET", "/api/runs").json()
    assert card["name"].isprintable() and card["id"].startswith("~")
    found = answer(gate, "GET", f"/api/runs/{card['id']}/metrics")
    assert found.status == 200 and found.headers["content-type"] == "application/json"
    models = answer(gate, "GET", "/api/models").json()
    assert models[0]["id"] == f"run:{card['id']}"
