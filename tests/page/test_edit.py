"""Edit: a part is redrawn, a sketch refined, two seeds are walked between, by pointer and by keyboard."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Page, expect


def wait_for_result(page: Page) -> None:
    result = page.get_by_role("region", name="Result")
    expect(result.get_by_role("link", name="Save as PNG")).to_be_visible()


def test_a_sketch_by_keyboard_is_refined(reader: Any) -> None:
    page = reader.open("edit?tab=refine&model=run:small&n=2&strength=0.5")
    sketch = page.get_by_role("application", name=re.compile("^Sketch"))
    sketch.press("Space")
    sketch.press("Shift+ArrowDown")
    expect(page.get_by_role("button", name="Undo")).to_be_enabled()
    page.get_by_role("button", name="Refine", exact=True).click()
    wait_for_result(page)
    command = page.get_by_role("group", name="Command").locator("code")
    expect(command).to_contain_text("ddpm refine")


def test_a_marked_part_of_a_drawn_image_is_redrawn(reader: Any) -> None:
    page = reader.open("draw?model=run:small&n=1&steps=2&sampler=ddim")
    page.get_by_role("button", name="Draw", exact=True).click()
    page.get_by_role("group", name="predicted x0 of 1 images").get_by_role("button").click()
    page.get_by_role("link", name="Use as start of an edit").click()
    redraw = page.get_by_role("button", name="Redraw the marked part")
    canvas = page.get_by_role("application", name=re.compile("^Image to mark"))
    expect(canvas).to_be_visible()
    expect(redraw).to_be_disabled()
    canvas.click()
    expect(redraw).to_be_enabled()
    assert "mask=" in page.url  # a reload and a link keep the mark
    redraw.click()
    wait_for_result(page)


def test_a_walk_between_seeds(reader: Any) -> None:
    page = reader.open("edit?tab=walk&model=run:small&pairs=1&between=2")
    page.get_by_role("button", name="Walk", exact=True).click()
    wait_for_result(page)
    expect(page.get_by_role("img", name="Result, 4 images")).to_be_visible()
