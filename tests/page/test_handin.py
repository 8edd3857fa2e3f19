"""Hand in: the zip is written and checked, or the sentence says what is missing."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import expect


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
