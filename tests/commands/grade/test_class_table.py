"""The table: the worst state of a subject counts, and no cell can act as a formula."""

from __future__ import annotations

import csv
import io

from ddpm.commands.grade.class_table import class_table, state_of
from ddpm.commands.grade.resemblances import Resemblance

CHECKS = [
    {"subject": "names", "state": "wrong", "text": "a is missing"},
    {"subject": "report_1.pdf", "state": "right", "text": "is a PDF"},
    {"subject": "result_mnist.jpg", "state": "right", "text": "5x5"},
    {"subject": "result_mnist.jpg", "state": "not verifiable", "text": "no weights"},
]
RECORD = {
    "name": "=cmd()", "student_id": "@1", "checks": CHECKS,
    "facts": {"mnist": {"steps": 9, "images_seen": 90, "minutes": 1.5}},
    "scores": {"mnist": [{"metric": "kid", "value": 1.23456, "floor": -0.5, "n": 25}], "anime": "none"},
}  # fmt: skip


def test_the_worst_state_of_a_subject_counts() -> None:
    assert state_of(RECORD, "result_mnist.jpg") == "not verifiable"
    assert state_of(RECORD, "report") == "right" and state_of(RECORD, "names") == "wrong"
    assert state_of(RECORD, "archive") == ""


def test_facts_scores_and_evidence_stand_in_their_columns() -> None:
    found = [Resemblance("=cmd()", "b", "equal to b")]
    (row,) = csv.DictReader(io.StringIO(class_table([RECORD], found)))
    assert row["hand-in"] == "'=cmd()" and row["student ID"] == "'@1"
    assert (row["mnist images seen"], row["mnist minutes"]) == ("90", "1.5")
    assert (row["mnist kid"], row["mnist kid floor"], row["anime kid"]) == ("1.235", "-0.5", "")
    assert row["evidence of what is wrong"] == "names: a is missing"
    assert row["resemblances"] == "equal to b"


def test_a_hand_in_that_could_not_be_read_has_a_line_too() -> None:
    bare = {"name": "x", "student_id": "ID", "checks": []}
    (row,) = csv.DictReader(io.StringIO(class_table([bare], [])))
    assert row["hand-in"] == "x" and set(row.values()) == {"x", "ID", ""}
