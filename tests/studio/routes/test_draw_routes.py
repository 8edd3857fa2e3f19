"""Drawing through the server: the bytes of `ddpm sample`, live frames, and everything that can go wrong."""

from __future__ import annotations

import io
import shlex
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ddpm.cli import main
from ddpm.config import SamplingConfig
from ddpm.studio.routes.draw_routes import SAMPLING_FIELDS, DrawBody
from tests.studio.live import Client, until


@pytest.mark.parametrize(
    "body",
    [
        {"model": "run:noisy", "n": 25, "seed": 3},
        {"model": "run:noisy", "n": 1, "seed": 3},
        {"model": "run:flat", "n": 30, "sampler": "ancestral", "steps": 5},
        {"model": "bundled:digits", "n": 4, "label": "7", "guidance": 2.0, "steps": 3},
    ],
)
def test_pictures_are_those_of_ddpm_sample_by_bytes(
    body: dict[str, object], studio: Client, workplace: Path
) -> None:
    drawn = studio.drawn(**body)
    assert drawn["state"] == "done", drawn["error"]
    words = shlex.split(drawn["command"])[1:]
    assert main([*words, "--out", "grid.png"]) == 0
    assert studio.content(f"/api/draws/{drawn['id']}/grid.png") == Path("grid.png").read_bytes()
    assert main([*words, "--png-dir", "images"]) == 0
    for index, path in enumerate(sorted(Path("images").iterdir())):
        content = studio.content(f"/api/draws/{drawn['id']}/images/{index}.png")
        shown = np.asarray(Image.open(io.BytesIO(content)))
        assert (shown == np.asarray(Image.open(path))).all()


def test_frames_arrive_while_it_draws(studio: Client) -> None:
    body = {"model": "run:noisy", "sampler": "ancestral", "steps": 30, "n": 2}
    with studio.events() as events:
        next(events)
        id = studio.post("/api/draws", body).json()["id"]
        own = (event for event in events if event["kind"] == "draw" and event["id"] == id)
        seen = [next(own)]
        while seen[-1]["state"] not in ("done", "failed"):
            seen.append(next(own))
    assert [event["state"] for event in seen[:2]] == ["waiting", "running"]
    counts = [len(event["frames"]) for event in seen]
    assert counts == sorted(counts) and counts[-1] == 31
    assert seen[-1]["progress"] == 1 and seen[-1]["seeds"] == [0, 1]
    times = [frame["t"] for frame in seen[-1]["frames"]]
    assert times[:-1] == sorted(times[:-1], reverse=True) and times[-1] is None
    last = studio.content(f"/api/draws/{id}/frames/30/x.png")
    pixels = np.asarray(Image.open(io.BytesIO(last)))
    first = np.asarray(Image.open(io.BytesIO(studio.content(f"/api/draws/{id}/images/0.png"))))
    assert pixels.shape == (8, 16) and (pixels[:, :8] == first).all()
    assert studio.content(f"/api/draws/{id}/animation.gif").startswith(b"GIF89a")


def test_a_picture_gives_its_settings_back(studio: Client) -> None:
    body = {"model": "run:flat", "n": 3, "seed": 40, "sampler": "ddim", "steps": 3, "eta": 0.5}
    drawn = studio.drawn(**body)
    for name in ("grid.png", "images/1.png"):
        content = studio.content(f"/api/draws/{drawn['id']}/{name}")
        found = studio.send("POST", "/api/settings-of-image", content, "image/png").json()
        assert found["model"] == "run:flat" and found["eta"] == 0.5
        assert (found["sampler"], found["steps"]) == ("ddim", 3)
        assert (found["seed"], found["n"]) == ((40, 3) if name == "grid.png" else (41, 1))
    request = {key: value for key, value in found.items() if key != "name"}
    again = studio.drawn(**request)
    assert again["state"] == "done"


def test_a_page_that_leaves_takes_marked_drawings_along_and_no_others(studio: Client) -> None:
    body = {"model": "run:noisy", "sampler": "ancestral", "steps": 1000, "n": 25}
    with studio.events("/api/events?reader=me") as events:
        next(events)
        mine = studio.post("/api/draws", {**body, "reader": "me"}).json()["id"]
        other = studio.post("/api/draws", {**body, "steps": 2}).json()["id"]
        until(lambda: studio.get(f"/api/draws/{mine}")["state"] == "running")
    assert studio.ended(f"/api/draws/{mine}")["state"] == "cancelled"
    assert studio.ended(f"/api/draws/{other}")["state"] == "done"


def test_the_newest_of_a_group_wins(studio: Client) -> None:
    body = {"model": "run:noisy", "sampler": "ancestral", "steps": 500, "n": 9, "group": "slider"}
    ids = [studio.post("/api/draws", {**body, "seed": seed}).json()["id"] for seed in range(4)]
    states = [studio.ended(f"/api/draws/{id}")["state"] for id in ids]
    assert states == ["cancelled"] * 3 + ["done"]


def test_a_grid_is_several_drawings_or_none(studio: Client) -> None:
    body = {"model": "run:noisy", "n": 1}
    draws = [{**body, "steps": steps} for steps in (2, 3)]
    found = studio.send("POST", "/api/draw-grids", b'[{"model": "run:noisy", "x": 1}]')
    assert found.status == 422
    started = studio.post("/api/draw-grids", draws)
    rows = [studio.ended(f"/api/draws/{row['id']}") for row in started.json()]
    assert [row["steps"] for row in rows] == [2, 3]
    assert {row["id"] for row in rows} <= {row["id"] for row in studio.get("/api/draws")}


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"model": "run:noisy", "label": "cat"}, "labels"),
        ({"model": "run:noisy", "steps": 1001}, "1001"),
        ({"model": "run:noisy", "guidance": 3}, "guidance"),
    ],
)
def test_a_drawing_that_cannot_be_made_says_why(
    body: dict[str, object], sentence: str, studio: Client
) -> None:
    drawn = studio.drawn(**body)
    assert drawn["state"] == "failed" and sentence in drawn["error"]
    assert studio.send("GET", f"/api/draws/{drawn['id']}/grid.png").status == 404


def test_a_drawing_is_cancelled_by_its_id(studio: Client) -> None:
    body = {"model": "run:noisy", "sampler": "ancestral", "steps": 1000, "n": 25}
    id = studio.post("/api/draws", body).json()["id"]
    assert studio.post(f"/api/draws/{id}/cancel").status == 200
    assert studio.ended(f"/api/draws/{id}")["state"] == "cancelled"
    assert studio.post("/api/draws/nothing/cancel").status == 404


def test_models_and_samplers_are_listed(studio: Client) -> None:
    ids = [row["id"] for row in studio.get("/api/models")]
    assert ids[:2] == ["run:flat", "run:noisy"] and "bundled:mnist" in ids
    assert studio.get("/api/samplers")[0]["name"] == "ancestral"


def test_every_setting_of_sampling_can_be_asked_for() -> None:
    """A guide is a path of this machine, and the chunk belongs to the model."""
    settings = {field.name for field in fields(SamplingConfig)} - {"guide", "chunk"}
    assert settings == set(SAMPLING_FIELDS) <= DrawBody.model_fields.keys()
