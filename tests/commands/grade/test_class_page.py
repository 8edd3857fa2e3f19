"""The page in a real browser: nothing of a hand-in runs or is requested, and everybody can read it."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import pytest
from PIL import Image

from ddpm.commands.grade.class_page import class_page, text
from ddpm.commands.grade.resemblances import Resemblance

HOSTILE = "<script>document.title='hacked'</script><img src=x onerror=alert(1)>\x1b[2J\u202e"


def record(name: str) -> dict[str, object]:
    buffer = io.BytesIO()
    Image.new("L", (60, 60), 200).save(buffer, "JPEG")
    picture = {"thumbnail": base64.b64encode(buffer.getvalue()).decode(), "size": [60, 60]}
    return {
        "name": name, "key": "ab", "student_id": HOSTILE,
        "checks": [{"subject": HOSTILE, "state": state, "text": HOSTILE}
                   for state in ("right", "wrong", "not verifiable")],
        "pictures": {"result_mnist.jpg": picture, "loss_mnist.jpg": {}},
        "scores": {"mnist": [{"metric": "kid", "label": "KID", "value": 1.0, "low": 0.5, "high": 2.0,
                              "floor": 0.1, "n": 25}], "anime": "not measured: " + HOSTILE},
        "facts": {"mnist": {"steps": 9, "images_seen": 90, "minutes": 1.5}},
        "code": {"own": 2, "given": 3},
    }  # fmt: skip


@pytest.fixture(scope="module")
def page() -> str:
    records = [record(HOSTILE), record("b.zip"), {"name": "c", "student_id": "ID", "checks": []}]
    found = [Resemblance(HOSTILE, "b.zip", HOSTILE), Resemblance("b.zip", HOSTILE, HOSTILE)]
    return class_page(HOSTILE, records, [*found, Resemblance("b.zip", "", "as in 2025")])


def test_every_text_is_escaped_and_each_picture_stands_once(page: str) -> None:
    assert "<script" not in page and "onerror=alert(1)>" not in page.replace("&gt;", "")
    assert "\x1b" not in page and "\u202e" not in page
    assert page.count("data:image/jpeg;base64,") == 2
    assert text("a<b>&\"'") == "a&lt;b&gt;&amp;&quot;&#x27;"


def test_states_are_words_and_hand_ins_are_not_ranked(page: str) -> None:
    order = [page.index(f'id="hand-in-{number}"') for number in (1, 2, 3)]
    assert order == sorted(order)
    for state in ("right", "wrong", "not verifiable", "not checked"):
        assert f"</span> {state}</span>" in page
    assert "1.00 [0.500, 2.00]" in page and "9 steps, 90 images seen, 1.5 minutes" in page


def test_two_hand_ins_are_shown_with_the_grids_in_question() -> None:
    records = [record("a.zip"), record("b.zip")]
    for said, count in (("result_mnist.jpg shows 25 of 25 images", 2), ("equal weights", 0)):
        shown = class_page("x", records, [Resemblance("a.zip", "b.zip", said)])
        section = shown[shown.index('id="common"') : shown.index('id="hand-in-1"')]
        assert section.count("<figure>") == count and said in section


def test_what_is_wrong_comes_first() -> None:
    shown = class_page("x", [record("a.zip")], [])
    shown = shown[shown.index("<caption>Checks") :]
    states = [
        shown.index(f"</span> {state}</span>") for state in ("wrong", "not verifiable", "right")
    ]
    assert states == sorted(states)


def test_the_page_runs_nothing_asks_for_nothing_and_is_accessible(
    page: str, tmp_path: Path
) -> None:
    sync_api = pytest.importorskip(
        "playwright.sync_api", reason="the browser tests need playwright"
    )
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe")
    if not Path("/usr/bin/chromium").exists():
        pytest.skip("needs Debian's chromium")
    (tmp_path / "page.html").write_text(page, "utf-8")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        view = browser.new_context(bypass_csp=True).new_page()
        asked: list[str] = []
        view.on("request", lambda request: asked.append(request.url))
        view.goto((tmp_path / "page.html").as_uri())
        title, found = view.title(), axe.Axe().run(view)
        browser.close()
    assert title.startswith("Hand-ins of ") and "hacked'" in title  # as text
    assert {url.partition(":")[0] for url in asked} <= {"file", "data"}
    assert found.violations_count == 0, found.generate_report()
