"""Runs: cards, the page of a run, a new run with its plan, and the buttons that act on it."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import expect


def test_a_card_leads_to_the_run(reader: Any) -> None:
    page = reader.open("runs")
    card = page.get_by_role("article").filter(has_text="small")
    expect(card.get_by_text("finished")).to_be_visible()
    expect(card.get_by_role("img", name=re.compile("Loss from .* to .*"))).to_be_visible()
    card.get_by_role("link", name="small").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Run small")


def test_a_run_shows_its_loss_previews_settings_and_commands(reader: Any) -> None:
    page = reader.open("run?id=small")
    loss = page.get_by_role("region", name="Loss")
    expect(loss.get_by_role("img", name=re.compile("40 points: loss from 0.8"))).to_be_visible()
    loss.get_by_role("button", name="Table").first.click()
    row = loss.get_by_role("row", name=re.compile("^40 "))
    expect(row).to_be_visible()
    previews = page.get_by_role("region", name="Previews")
    expect(previews.get_by_role("slider")).to_have_attribute("aria-valuetext", re.compile("newest"))
    previews.get_by_role("button", name="Earlier preview").click()
    expect(previews.get_by_role("img")).to_have_attribute("alt", "Preview at step 20")
    assert "step=20" in page.url
    settings = page.get_by_role("region", name="Settings", exact=True)
    expect(settings.get_by_role("row", name=re.compile("network.channels 16"))).to_be_visible()
    commands = page.get_by_role("region", name="Commands").locator("code")
    expect(commands.first).to_contain_text("ddpm train digits")
    expect(page.get_by_role("region", name="Doctor").get_by_role("listitem").first).to_be_visible()


def test_without_runs_the_page_says_what_to_do_next(reader: Any) -> None:
    def no_runs(page: Any) -> None:
        page.route("**/api/runs", lambda route: route.fulfill(json=[]))

    page = reader.open("runs", before=no_runs)
    expect(page.get_by_role("heading", name="No run yet")).to_be_visible()
    page.get_by_role("link", name="Draw with a bundled model").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Draw")


def test_a_plan_answers_before_the_start(reader: Any) -> None:
    page = reader.open("new?minutes=0.1")
    page.get_by_role("button", name=re.compile("^Plan")).click()
    plan = page.get_by_role("region", name="Plan")
    expect(plan.get_by_text("Training time")).to_be_visible(timeout=120_000)
    expect(plan.get_by_text("Memory", exact=True)).to_be_visible()


def test_a_folder_can_be_chosen_only_where_one_is_allowed(reader: Any) -> None:
    page = reader.open("new")
    expect(page.get_by_role("radio", name=re.compile("A folder of pictures"))).to_be_disabled()
    page.get_by_role("radio", name=re.compile("A zip of pictures")).check()
    expect(page.get_by_role("button", name="Start training")).to_be_disabled()
