"""Lab: the curve fills in point by point, and a click on a point draws with its sampler."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from playwright.sync_api import Page, expect

LONG = 90_000  # milliseconds for a measurement on a busy machine
REACH = 16  # CSS pixels between two clicks; the curve reacts within 24


def click_leftmost_point(page: Page) -> None:
    """Click along the left edge of the curve, where its quickest point is, until one answers."""
    area = page.locator(".u-over").bounding_box()
    assert area is not None
    for y in range(0, int(area["height"]), REACH):
        page.mouse.click(area["x"] + area["width"] / 42, area["y"] + y)
        if "#/draw" in page.url:
            return


def test_the_curve_fills_in_and_a_point_is_drawn_with(reader: Any) -> None:
    page = reader.open("lab?model=run:small&n=50&evaluations=4")
    expect(page.get_by_role("heading", name="No point measured yet")).to_be_visible()
    page.get_by_role("button", name="Measure").click()
    cancel = page.get_by_role("button", name="Cancel")
    curve = page.get_by_role(
        "img", name=re.compile(r"lower and further left is better, \d+ points")
    )
    expect(curve).to_be_visible(timeout=LONG)
    expect(cancel).to_be_visible()  # the first points are shown while others are measured
    first = count_points(curve.get_attribute("aria-label"))
    expect(cancel).to_have_count(0, timeout=LONG)
    rows = page.get_by_role("region", name="Points").get_by_role("row")
    expect(rows.filter(has_text="(chosen)")).to_have_count(1)
    assert first < count_points(curve.get_attribute("aria-label")) == rows.count() - 1

    links = [link.get_attribute("href") for link in rows.get_by_role("link").all()]
    curve.scroll_into_view_if_needed()
    click_leftmost_point(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Draw")
    address = urlsplit(page.url).fragment
    assert f"#{address}" in links
    params = dict(parse_qsl(address.partition("?")[2]))
    expect(page.get_by_label("Model")).to_have_value("run:small")
    expect(page.get_by_label("Sampler", exact=True)).to_have_value(params["sampler"])
    expect(page.get_by_role("spinbutton", name="Steps")).to_have_value(params["steps"])


def count_points(name: str | None) -> int:
    """Return the number of points in the name of the curve."""
    found = re.search(r"(\d+) points", name or "")
    assert found is not None
    return int(found[1])
