"""Buttons of a run: train longer, stop, resume, evaluate, save samples."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Page, expect

LONG = 90_000  # milliseconds for a training on a busy machine


def expect_state(page: Page, state: str) -> None:
    found = page.get_by_role("region", name="State")
    expect(found.get_by_text(state, exact=True)).to_be_visible(timeout=LONG)


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def test_a_finished_run_is_trained_longer_stopped_and_resumed(worker: Any) -> None:
    page = worker.open("run?id=small")
    expect_state(page, "finished")
    page.get_by_role("spinbutton", name="Total minutes").fill("2")
    press(page, "Train longer")
    expect_state(page, "training")
    expect(page.get_by_role("link", name=re.compile("^training small"))).to_be_visible()
    expect(page.get_by_text(re.compile(r"step [\d,]+ of .* images/s"))).to_be_visible(timeout=LONG)
    press(page, "Stop training")
    expect_state(page, "stopped")
    press(page, "Resume training")
    expect_state(page, "training")
    expect(page.get_by_text(re.compile("^About .* left$"))).to_be_visible(timeout=LONG)
    press(page, "Stop training")
    expect_state(page, "stopped")


def test_a_run_is_evaluated(worker: Any) -> None:
    page = worker.open("run?id=small")
    expect(page.get_by_text("Not measured yet.")).to_be_visible()
    page.get_by_role("spinbutton", name="Images", exact=True).fill("20")
    press(page, "Evaluate")
    scores = page.get_by_role("region", name="Table of scores")
    expect(scores.get_by_role("row").nth(1)).to_be_visible(timeout=LONG)
    expect(page.get_by_text("evaluation of small: done")).to_be_visible(timeout=LONG)


def test_the_pictures_of_a_run_are_drawn(worker: Any) -> None:
    page = worker.open("run?id=small")
    press(page, "Save samples")
    expect(page.get_by_text("samples of small: done")).to_be_visible(timeout=LONG)
    expect(page.get_by_role("img", name="Samples of small")).to_be_visible()


def test_draw_with_it_opens_this_run_and_no_other(worker: Any) -> None:
    page = worker.open("run?id=small")
    page.get_by_role("link", name="Draw with it").click()
    expect(page.get_by_label("Model")).to_have_value("run:small")
    page.goto(f"{worker.server.base}#/draw?model=run:gone")
    expect(page.get_by_role("heading", name="There is no model run:gone here")).to_be_visible()
    page.get_by_role("link", name="Choose another model").click()
    expect(page.get_by_role("button", name="Draw", exact=True)).to_be_visible()
