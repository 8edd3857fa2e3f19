"""Recorded runs (those in the documentation), and the result that they suggest for a plan."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

from ddpm.config import Config, differing_keys
from ddpm.presets import PRESETS
from ddpm.training.memorization import expects_copies

Row = dict[str, Any]
IMAGE_KEYS = ("data.path", "data.labels")  # if these differ, the recorded results do not apply
QUALITY_KEYS = (  # prefixes of the keys that change the result
    "data.",
    "network.",
    "diffusion.",
    "gan.",
    "training.optimizer",
    "training.learning",
)


def recorded_runs(config: Config) -> list[Row]:
    """Return the recorded runs of a configuration's preset and scale, sorted by images seen."""
    text = (resources.files("ddpm") / "recorded.json").read_text(encoding="utf-8")
    rows: list[Row] = json.loads(text)
    own = [r for r in rows if (r["preset"], r["scale"]) == (config.preset, config.scale)]
    return sorted(own, key=lambda row: row["images_seen"])


def expectation(config: Config, images: int, rows: list[Row], trained_on: int | None = None) -> str:
    """Return the expected result after `images` training images, in words, with a warning of copies.

    `trained_on`: the number of different images, None if unknown.
    """
    passes = images / trained_on if trained_on else 0.0
    copies = ""
    if config.family.is_diffusion and expects_copies(config, passes):
        copies = f"; {passes:,.0f} passes over {trained_on:,} images: expect copies"
    return _comparison(config, images, rows) + copies


def _comparison(config: Config, images: int, rows: list[Row]) -> str:
    """Compare the plan with the recorded runs, in words."""
    if not rows:
        return f"no recorded run of {config.preset}" + (
            "" if config.scale == "cpu" else f" at the scale {config.scale}"
        )
    changed = differing_keys(PRESETS[config.preset].config_for(config.scale), config)
    other = [key for key in changed if key.startswith(QUALITY_KEYS)]
    if foreign := [key for key in other if key in IMAGE_KEYS]:
        return (
            f"the recorded runs have other images or labels ({', '.join(foreign)}): no expectation"
        )
    least, most = rows[0]["images_seen"], rows[-1]["images_seen"]
    if images < least:
        words = f"fewer images than any recorded run ({least:,}): expect worse"
    elif images < most:
        below = max(row["images_seen"] for row in rows if row["images_seen"] <= images)
        above = min(row["images_seen"] for row in rows if row["images_seen"] > images)
        words = f"between the recorded runs of {below:,} and {above:,} images: expect a result between theirs"
    else:
        words = f"as many images as the longest recorded run ({most:,}) or more: expect no worse"
    return words + (f"; but these settings differ: {', '.join(other)}" if other else "")


def recorded_text(row: Row) -> str:
    """Return a row as `FD-digits 14.5 [11.8, 19.4] (n=1000, …), floor 6.85, ratio 2.12, after …`."""
    interval = "" if row["interval"] is None else " [{:g}, {:g}]".format(*row["interval"])
    ratio = "" if row["ratio"] is None else f", ratio {row['ratio']:g}"
    minutes = "" if row["minutes"] is None else f" and {row['minutes']:g} minutes"
    return (
        f"{row['metric']} {row['value']:g}{interval} (n={row['n']}, {row['reference']}), "
        f"floor {row['floor']:g}{ratio}, after {row['images_seen']:,} images{minutes} "
        f"on {row['machine']} ({row['source']})"
    )
