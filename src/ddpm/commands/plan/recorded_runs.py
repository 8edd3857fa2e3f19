"""Runs whose figures stand in the documentation, and what they let one expect of a plan."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

from ddpm.config import Config, differing_keys
from ddpm.presets import PRESETS
from ddpm.training.memorization import expects_copies

Row = dict[str, Any]
IMAGES = (
    "data.path",
    "data.labels",
)  # where these differ, the recorded figures are of other images
SHAPING = ("data.", "network.", "diffusion.", "gan.", "training.optimizer", "training.learning")


def recorded_runs(config: Config) -> list[Row]:
    """The recorded runs of a configuration's preset at its scale, the fewest images first."""
    text = (resources.files("ddpm") / "recorded.json").read_text(encoding="utf-8")
    rows: list[Row] = json.loads(text)
    own = [r for r in rows if (r["preset"], r["scale"]) == (config.preset, config.scale)]
    return sorted(own, key=lambda row: row["images_seen"])


def expectation(config: Config, images: int, rows: list[Row], trained_on: int | None = None) -> str:
    """What the recorded runs let one expect after `images`, and copies where each is seen too often.

    `trained_on`: how many different images there are; None where that is not known.
    """
    passes = images / trained_on if trained_on else 0.0
    copies = ""
    if config.family.is_diffusion and expects_copies(config, passes):
        copies = f"; {passes:,.0f} passes over {trained_on:,} images: expect copies"
    return _promised(config, images, rows) + copies


def _promised(config: Config, images: int, rows: list[Row]) -> str:
    if not rows:
        return f"no recorded run of {config.preset}" + (
            "" if config.scale == "cpu" else f" at the scale {config.scale}"
        )
    changed = differing_keys(PRESETS[config.preset].config_for(config.scale), config)
    other = [key for key in changed if key.startswith(SHAPING)]
    if foreign := [key for key in other if key in IMAGES]:
        return (
            "as far as can be told the recorded runs are of other images or labels "
            f"({', '.join(foreign)}): nothing is promised"
        )
    least, most = rows[0]["images_seen"], rows[-1]["images_seen"]
    if images < least:
        words = f"fewer images than any recorded run has seen ({least:,}): expect worse"
    elif images < most:
        words = (
            f"between the recorded runs of {least:,} and {most:,} images: expect something between"
        )
    else:
        words = (
            f"no fewer images than the longest recorded run has seen ({most:,}): expect no worse"
        )
    return words + (
        f"; but of those runs' settings these differ: {', '.join(other)}" if other else ""
    )


def row_words(row: Row) -> str:
    """`FD-digits 14.5 [11.8, 19.4] (n=1000, …), floor 6.85, ratio 2.12, after …`."""
    interval = "" if row["interval"] is None else " [{:g}, {:g}]".format(*row["interval"])
    ratio = "" if row["ratio"] is None else f", ratio {row['ratio']:g}"
    minutes = "" if row["minutes"] is None else f" and {row['minutes']:g} minutes"
    return (
        f"{row['metric']} {row['value']:g}{interval} (n={row['n']}, {row['reference']}), "
        f"floor {row['floor']:g}{ratio}, after {row['images_seen']:,} images{minutes} "
        f"on {row['machine']} ({row['source']})"
    )
