"""Hand-ins for the page."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from ddpm.commands.bundle.check import Finding
from ddpm.errors import RequestError
from ddpm.studio.bundles import BundleOrder, Bundles, read_findings
from ddpm.studio.refusals import RefusalError


def test_an_order_becomes_words_and_notes(runs: Path) -> None:
    bundles = Bundles(runs)
    id, words = bundles.prepare(
        BundleOrder("0712345", "runs/a", "runs/b", "runs/c", "# Mine", "zh-TW")
    )
    folder = runs / ".studio" / "handin" / id
    assert words == [
        "bundle", "--student-id=0712345", "--mnist", "runs/a", "--anime", "runs/b", "--lang", "zh-TW",
        "--out", str(folder), "--dcgan", "runs/c", "--notes", str(folder / "notes.md"),
    ]  # fmt: skip
    assert (folder / "notes.md").read_text("utf-8") == "# Mine"
    with pytest.raises(RefusalError):
        bundles.check_words(id)  # not written yet


@pytest.mark.parametrize("student", ["", "../x", "a b", "x" * 33, "a/b", "\u202e"])
def test_an_id_is_safe_in_file_names(student: str, runs: Path) -> None:
    with pytest.raises(RequestError):
        Bundles(runs).prepare(BundleOrder(student, "a", "b"))
    assert not list(runs.iterdir())


def test_the_zip_and_the_report_inside_are_found(runs: Path) -> None:
    bundles = Bundles(runs)
    id, _ = bundles.prepare(BundleOrder("my_id", "a", "b"))
    path = runs / ".studio" / "handin" / id / "my_id_hw2_2.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("report_my_id.pdf", b"%PDF-1.7")
    assert bundles.zip_file(id) == path and bundles.report(id) == b"%PDF-1.7"
    assert bundles.check_words(id) == ["bundle", "--check", str(path)]
    found = bundles.result(id, [])
    assert found == {
        "zip": f"/api/bundles/{id}/zip",
        "report": f"/api/bundles/{id}/report.pdf",
        "findings": [],
    }
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("report_my_id.pdf", b"<html>")
    with pytest.raises(RefusalError):
        bundles.report(id)
    for other in ("", "..", "x"):
        with pytest.raises(RefusalError):
            bundles.zip_file(other)


def test_findings_are_read_from_the_printed_lines() -> None:

    findings = [
        Finding("a.jpg", "ok", "fine"),
        Finding("b", "wrong", "bad"),
        Finding("c", "not verifiable", "?"),
    ]
    rows = read_findings("\n".join(map(str, findings)) + "\nmore text\n")
    assert [row["ok"] for row in rows] == [True, False, True]
    assert [row["sentence"] for row in rows] == ["a.jpg: fine", "b: bad", "c: ?"]
