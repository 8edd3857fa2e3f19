"""Hand in: the zip is written and checked, or the sentence says what is missing."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any

from playwright.sync_api import expect

LONG = 90_000  # milliseconds for a report on a busy machine
VERDICTS = ("OK: ", "To fix: ", "Not verifiable: ")


def test_a_missing_student_id_is_asked_for(reader: Any) -> None:
    page = reader.open("handin?mnist=small")
    page.get_by_role("button", name="Write the zip").click()
    field = page.get_by_role("textbox", name="Student ID")
    assert field.evaluate("(input) => input.validity.valueMissing")


def test_what_is_missing_is_said_in_a_sentence(reader: Any) -> None:
    page = reader.open("handin?mnist=small")
    page.get_by_role("textbox", name="Student ID").fill("0712345")
    page.get_by_role("button", name="Write the zip").click()
    expect(page.get_by_role("alert")).to_contain_text("choose both")
    page.reload()
    expect(page.get_by_role("textbox", name="Student ID")).to_have_value("0712345")
    assert "0712345" not in page.url  # an address may be passed on


def test_the_zip_is_written_checked_and_its_report_shown(worker: Any, tmp_path: Path) -> None:
    page = worker.open("handin?mnist=mnist&anime=faces")
    page.get_by_role("textbox", name="Student ID").fill("0712345")
    page.get_by_role("textbox", name=re.compile("^Your own words")).fill("I tried **fewer steps**.")
    page.get_by_role("button", name="Write the zip").click()
    made = page.get_by_role("region", name="The hand-in")
    expect(made).to_be_visible(timeout=LONG)
    findings = made.get_by_role("listitem").all_inner_texts()
    assert len(findings) > 3 and all(text.startswith(VERDICTS) for text in findings), findings
    with page.expect_download() as download:
        made.get_by_role("link", name="Save the zip").click()
    download.value.save_as(tmp_path / "handin.zip")
    with zipfile.ZipFile(tmp_path / "handin.zip") as archive:
        assert "report_0712345.pdf" in archive.namelist()
    report = made.locator("iframe")
    expect(report).to_be_visible()
    address = f"{worker.server.base}{report.get_attribute('src')[1:]}"
    shown = page.request.get(address)
    assert shown.ok and shown.body().startswith(b"%PDF-")
