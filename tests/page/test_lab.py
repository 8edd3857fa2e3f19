"""Lab: the points of the samplers appear, and one of them is drawn with."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import expect

LONG = 240_000  # milliseconds for a measurement on a busy machine


def test_a_measured_sampler_is_drawn_with(reader: Any) -> None:
    page = reader.open("lab?model=run:small&n=50&evaluations=4")
    expect(page.get_by_role("heading", name="No point measured yet")).to_be_visible()
    page.get_by_role("button", name="Measure").click()
    points = page.get_by_role("region", name="Points")
    expect(points.get_by_role("link").first).to_be_visible(timeout=LONG)
    points.get_by_role("link").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Draw")
    expect(page.get_by_role("spinbutton", name="Steps")).not_to_have_value("20")
