"""Compare: models on the same seeds, the table of metrics, nearest training images."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Page, Route, expect

SMALL_MODEL = {
    "source": "run", "step": 1, "height": 8, "width": 8, "channels": 1, "classes": None, "sampling": {},
    "has_reverse_process": True, "can_guide": False,
}  # fmt: skip
LONG = 240_000  # milliseconds for a measurement on a busy machine


def test_two_models_draw_from_the_same_seeds(reader: Any) -> None:
    page = reader.open("compare?models=run:small,bundled:digits&n=4&seed=5")
    page.get_by_role("button", name="Draw", exact=True).click()
    for name in ("small", "digits"):
        picture = page.get_by_role("img", name=f"4 images of {name}, from seed 5")
        expect(picture).to_be_visible()
        command = page.get_by_role("group", name=f"Command for {name}").locator("code")
        expect(command).to_contain_text("--seed 5")


def test_a_table_of_metrics_with_verdicts(reader: Any) -> None:
    page = reader.open("compare?tab=metrics&models=run:small,bundled:digits&n=20")
    page.get_by_role("button", name="Measure").click()
    table = page.get_by_role("region", name="Metrics of the models")
    expect(table).to_be_visible(timeout=LONG)
    assert table.get_by_role("row").count() > 3
    expect(table.get_by_role("columnheader", name="verdict")).to_be_visible()


def test_the_nearest_training_images_of_a_drawn_one(reader: Any) -> None:
    page = reader.open("draw?model=run:small&n=1&steps=2&sampler=ddim")
    page.get_by_role("button", name="Draw", exact=True).click()
    page.get_by_role("group", name="predicted x0 of 1 images").get_by_role("button").click()
    page.get_by_role("link", name="Nearest training images").click()
    nearest = page.get_by_role("img", name=re.compile("^Training image 1, distance"))
    expect(nearest).to_be_visible(timeout=LONG)


def test_a_blind_test_goes_on_after_a_reload_and_ends_in_a_table(reader: Any) -> None:
    page = reader.open("compare?tab=blind&models=run:small,bundled:digits&n=2")
    page.get_by_role("button", name="Start", exact=True).click()
    question = page.get_by_role("region", name="Question")
    expect(question).to_be_visible(timeout=LONG)
    count = int(question.get_by_role("status").inner_text().rpartition(" ")[2])
    question.get_by_role("button", name="Real").click()
    page.reload()
    expect(question.get_by_role("status")).to_have_text(f"Image 2 of {count}")
    for _ in range(count - 1):
        question.get_by_role("button", name="Drawn by a model").click()
    answers = page.get_by_role("region", name="Answers by source")
    expect(answers.get_by_role("row", name=re.compile("small"))).to_be_visible(timeout=LONG)


def test_two_to_six_models_can_be_judged(reader: Any) -> None:
    models = [{**SMALL_MODEL, "id": f"run:{i}", "name": f"model {i}"} for i in range(8)]

    def offer(page: Page) -> None:
        page.route("**/api/models", lambda route: route.fulfill(json=models))

    page = reader.open("compare?tab=blind&models=run:0", before=offer)
    start = page.get_by_role("button", name="Start", exact=True)
    expect(start).to_be_disabled()
    expect(page.get_by_text("Choose two models or more.")).to_be_visible()
    for number in range(1, 6):
        page.get_by_role("checkbox", name=f"model {number}").check()
        expect(start).to_be_enabled()
    expect(page.get_by_role("checkbox", name="model 6")).to_be_disabled()
    sent: list[Any] = []
    refusal = {"error": "No."}

    def refuse(route: Route) -> None:
        sent.append(route.request.post_data_json)
        route.fulfill(status=422, json=refusal)

    page.route("**/api/blind-tests", refuse)
    start.click()
    expect(page.get_by_role("alert")).to_have_text("No.")
    assert sent[0]["models"] == [f"run:{number}" for number in range(6)]
