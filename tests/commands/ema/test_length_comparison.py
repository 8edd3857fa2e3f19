"""Lengths compared on images of the same seeds."""

from __future__ import annotations

import json

from PIL import Image

from ddpm.commands.ema.ema_table import average_table
from ddpm.runs import RunFolder
from tests.commands.ema.conftest import ask


def test_lengths_are_measured_on_the_same_images_and_the_best_is_named(run: RunFolder) -> None:
    found = ask(run)
    assert found["points"][0]["own"] and len(found["points"]) > 3
    smallest = min(found["points"], key=lambda point: point["value"])
    assert found["points"][found["chosen"]] == smallest and smallest["as_good"]
    low, high = found["covered"]
    assert all(low <= point["length"] <= high for point in found["points"][1:])
    assert all(point["error"] <= 0.05 for point in found["points"])
    written = json.loads(run.ema.read_text("utf-8"))
    assert written == {key: value for key, value in found.items() if key != "done"}
    with Image.open(run.ema_plot) as picture:
        assert picture.width > 500
    text = average_table(found)
    assert found["label"] in text and "the run's own" in text and "smallest" in text
    assert not run.average.exists()
    one, other = (ask(run, 0.05, 0.07)["points"] for _ in range(2))
    assert one == other and one[2]["value"] != one[1]["value"]
