"""Recorded runs of the documentation, and the results that they suggest."""

from __future__ import annotations

from pathlib import Path

from ddpm.commands.plan.recorded_runs import expectation, recorded_runs
from ddpm.config import with_overrides
from ddpm.presets import PRESETS, get_preset

DOCS = Path(__file__).parents[3] / "docs"


def test_recorded_figures_stand_in_the_documentation() -> None:
    rows = [row for preset in PRESETS.values() for row in recorded_runs(preset.config)]
    assert rows
    for row in rows:
        page = (DOCS.parent / row["source"]).read_text("utf-8")
        numbers = [
            row["value"],
            row["floor"],
            row["ratio"],
            row["minutes"],
            *(row["interval"] or []),
        ]
        for number in numbers:
            assert number is None or f"{number:g}" in page
        assert f"{row['images_seen']:,}" in page


def test_what_is_expected_depends_on_the_images_seen() -> None:
    config = get_preset("mnist").config
    rows = recorded_runs(config)
    least, most = rows[0]["images_seen"], rows[-1]["images_seen"]
    assert "expect worse" in expectation(config, least - 1, rows)
    assert "expect a result between" in expectation(config, least, rows)
    seen = [row["images_seen"] for row in rows]
    assert f"of {seen[1]:,} and {seen[2]:,} images" in expectation(config, seen[1], rows)
    assert f"of {seen[0]:,} and {seen[1]:,} images" in expectation(config, seen[1] - 1, rows)
    assert "expect no worse" in expectation(config, most, rows)
    other = with_overrides(config, ["network.channels=16"])
    assert "network.channels" in expectation(other, most, rows)
    for setting in ("data.path=cats.zip", "data.labels=kmeans:3"):
        foreign = expectation(with_overrides(config, [setting]), most, rows)
        assert setting.partition("=")[0] in foreign
        assert "no expectation" in foreign and "worse" not in foreign
    assert (
        recorded_runs(PRESETS["anime"].config_for("small-gpu")) == []
    )  # the other sizes' say nothing of it
