"""Every view: accessible, light and dark, on a phone, by keyboard, without jumps, and small."""

from __future__ import annotations

import re
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

VIEWS = {  # those of Understand: test_understand.py
    "runs": "Runs", "run?id=small": "Run small", "new": "New run", "draw": "Draw",
    "understand": "Understand", "compare": "Compare", "compare?tab=steps": "Compare",
    "compare?tab=metrics": "Compare", "compare?tab=blind": "Compare", "compare?tab=neighbors": "Compare",
    "edit": "Edit", "edit?tab=refine": "Edit", "edit?tab=walk": "Edit", "lab": "Lab", "handin": "Hand in",
}  # fmt: skip
LEVELS = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
MOST_BYTES = 300_000  # of a view, before pictures
MOST_SHIFT = 0.1  # of the layout: "good" by web.dev/cls


def settle(page: Page, title: str) -> None:
    """Wait until a view shows its heading and its content."""
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    expect(page.locator("main > :nth-child(2)")).to_be_attached()


@pytest.mark.parametrize("view", VIEWS)
def test_no_violation_of_level_a_or_aa(reader: Any, view: str) -> None:
    page = reader.open(view, bypass_csp=True)
    for look, width in (("light", 1280), ("dark", 360)):
        page.emulate_media(color_scheme=look)
        page.set_viewport_size({"width": width, "height": 800})
        settle(page, VIEWS[view])
        found = Axe().run(page, options=LEVELS).response["violations"]
        assert [(rule["id"], rule["nodes"][0]["html"][:200]) for rule in found] == []
        overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert page.evaluate(overflow) <= 0  # nothing to scroll sideways


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_is_small_and_does_not_jump(reader: Any, view: str) -> None:
    page = reader.open(view)
    settle(page, VIEWS[view])
    assert 0 < sum(reader.sent.values()) < MOST_BYTES
    assert page.evaluate("window.shifts") < MOST_SHIFT


def test_nothing_moves_by_itself_for_those_who_ask_for_that(reader: Any) -> None:
    page = reader.open("run?id=small", reduced_motion="reduce")
    animation = page.get_by_role("img", name="From noise to images of small")
    animation.scroll_into_view_if_needed()
    expect(animation).to_have_js_property("complete", True)
    assert animation.evaluate("(picture) => picture.currentSrc").endswith("&still=true")
    page.emulate_media(reduced_motion="no-preference")
    page.wait_for_function(
        "(picture) => !picture.currentSrc.endsWith('still=true')", arg=animation.element_handle()
    )

    page.emulate_media(reduced_motion="reduce")
    page.goto(f"{reader.server.base}#/draw?model=run:small&n=4&steps=4&sampler=ddim")
    page.get_by_role("button", name="Draw", exact=True).click()
    slider = page.get_by_role("slider", name="Step")
    expect(slider).to_have_attribute("aria-valuetext", "step 4 of 4")
    expect(page.get_by_role("button", name="Play")).to_have_count(0)
    for step in (0, 1, 2):
        page.get_by_role("button", name="Next step").click()
        expect(slider).to_have_attribute("aria-valuetext", re.compile(f"^step {step} of 4"))


def test_the_views_are_reached_by_keyboard_and_take_the_focus(reader: Any) -> None:
    page = reader.open("runs")
    settle(page, "Runs")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    page.get_by_role("link", name="Lab", exact=True).press("Enter")
    settle(page, "Lab")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    expect(page.get_by_role("link", name="Lab", exact=True)).to_have_attribute(
        "aria-current", "page"
    )
    page.go_back()
    settle(page, "Runs")


def test_a_lost_server_is_said_on_the_page(reader: Any) -> None:
    page = reader.open(
        "runs", before=lambda page: page.route("**/api/events*", lambda r: r.abort())
    )
    expect(page.get_by_text("The server does not answer; trying again")).to_be_visible()
