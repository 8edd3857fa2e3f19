"""Rehearsal of someone who has never seen the studio: one way through it, from an empty folder."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

LONG = 120_000  # milliseconds for a training on a busy machine


def test_from_an_empty_folder_to_a_compared_model(empty_reader: Any, tmp_path: Path) -> None:
    page: Page = empty_reader.open("runs")
    # Digits, without a run
    page.get_by_role("link", name="Draw with a bundled model").click()
    page.get_by_role("button", name="Draw", exact=True).click()
    save = page.get_by_role("link", name="Save grid as PNG")
    expect(save).to_have_attribute("href", re.compile("grid.png"))

    # A training on the bundled digits
    page.get_by_role("link", name="Runs", exact=True).click()
    page.get_by_role("link", name="New run").click()
    page.get_by_label("Minutes").fill("0.1")
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Run digits")

    # It learns
    state = page.get_by_role("region", name="State")
    expect(page.get_by_role("img", name=re.compile(r"\d+ points: loss"))).to_be_visible(
        timeout=LONG
    )
    expect(state.get_by_text("finished", exact=True)).to_be_visible(timeout=LONG)

    # One step of Algorithm 2 on that model
    page.get_by_role("link", name="Look inside").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Understand")
    page.get_by_role("link", name=re.compile("Algorithm 2")).click()
    expect(page.get_by_label("Model")).to_have_value("run:digits")
    row = page.get_by_role("group", name="One step of Algorithm 2")
    before = row.get_by_role("img", name="xₜ₋₁").get_attribute("src")
    page.get_by_role("button", name="Step forward").click()
    expect(page.get_by_role("slider", name="Step")).to_have_attribute(
        "aria-valuetext", re.compile(r"^32 of 50, t = \d+")
    )
    state = row.get_by_role("img", name="xₜ", exact=True)
    expect(state).to_have_attribute(
        "src", str(before)
    )  # what one step leaves, the next begins with
    row.get_by_role("button", name="mean μₜ").click()
    expect(page.get_by_role("region", name="mean μₜ")).to_contain_text("posterior")

    # Beside the bundled model, on the same seeds
    page.get_by_role("link", name="Compare", exact=True).click()
    expect(page.get_by_role("checkbox", name="digits", exact=True)).to_be_checked()
    page.get_by_role("checkbox", name="digits (bundled)").check()
    page.get_by_role("button", name="Draw", exact=True).click()
    expect(page.get_by_role("group", name=re.compile("^Command for digits"))).to_have_count(2)
    expect(page.get_by_role("group", name="Working now")).to_have_text("idle")
    expect(page.get_by_role("img", name="16 images of digits, from seed 0")).to_have_count(2)

    # A grid, a GIF and the command go home
    page.get_by_role("link", name="Draw", exact=True).click()
    expect(page.get_by_label("Model")).to_have_value("run:digits")
    page.get_by_role("button", name="Draw", exact=True).click()
    expect(save).to_have_attribute("href", re.compile("grid.png"))
    for name, file in (("Save grid as PNG", "grid.png"), ("Save GIF", "steps.gif")):
        with page.expect_download() as download:
            page.get_by_role("link", name=name).click()
        download.value.save_as(tmp_path / file)
        assert (tmp_path / file).stat().st_size > 100
    command = page.get_by_role("group", name="Command").locator("code").inner_text()
    assert command.startswith("ddpm sample")
