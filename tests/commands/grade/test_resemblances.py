"""Resemblances: what is equal or near is named on both sides, and what may be honest says so."""

from __future__ import annotations

from typing import Any

from ddpm.commands.grade.resemblances import resemblances, weights_of

CELLS = [f"{index * 0x0123456789ABCDEF % (1 << 63):016x}" for index in range(1, 26)]


def record(name: str, **changes: Any) -> dict[str, Any]:
    row = {"name": name, "key": name, "pictures": {}, "weights": [], "code": {"hashes": {}}}
    return {**row, **changes}


def grid(pixels: str = "", weights: str = "", cells: list[str] | None = None) -> dict[str, Any]:
    return {"result_mnist.jpg": {"pixels": pixels, "weights": weights, "cells": cells or []}}


def texts(*records: dict[str, Any], **more: Any) -> list[tuple[str, str]]:
    found = resemblances(records, more.get("earlier", []), more.get("bundled", {}))
    return [(each.name, each.text) for each in found]


def test_hand_ins_with_nothing_in_common_have_no_resemblance() -> None:
    assert texts(record("a"), record("b", pictures=grid("1", "w", CELLS))) == []


def test_the_same_file_twice_is_said_once_for_each() -> None:
    one, two = record("a", key="k", pictures=grid("1")), record("b", key="k", pictures=grid("1"))
    assert texts(one, two) == [
        ("a", "the whole hand-in is equal to b"),
        ("b", "the whole hand-in is equal to a"),
    ]


def test_equal_weights_are_found_in_files_and_marks_and_may_be_honest() -> None:
    one = record("a", weights=[{"file": "w", "hash": "beef"}])
    two = record("b", pictures=grid("1", weights="beef"))
    assert weights_of(one) == weights_of(two) == {"beef"}
    name, text = texts(one, two)[0]
    assert name == "a" and "equal weights (beef) as in b; the same command, seed" in text


def test_near_equal_weights_are_named_with_their_distance() -> None:
    row = {"file": "w", "hash": "1", "count": 9, "sketch": [1.0] * 256}
    near = {**row, "hash": "2", "sketch": [1.01] * 256}
    far = {**row, "hash": "3", "sketch": [2.0] * 256}
    found = texts(
        record("a", weights=[row]), record("b", weights=[near]), record("c", weights=[far])
    )
    assert [name for name, _ in found] == ["a", "b"]
    assert found[0][1] == "w is nearly equal (1.0 % of their norm apart) to w of b"


def test_near_equal_grids_count_their_cells_in_any_order() -> None:
    other = [*CELLS[12::-1], *(["0"] * 12)]
    found = texts(
        record("a", pictures=grid("1", "", CELLS)), record("b", pictures=grid("2", "", other))
    )
    assert found[0] == ("a", "result_mnist.jpg shows 13 of 25 images as in result_mnist.jpg of b")


def test_the_same_seeds_with_other_weights_have_to_agree_far_more_closely() -> None:
    blurred = [f"{int(cell, 16) ^ 7:016x}" for cell in CELLS]  # three bits of each cell
    one = record("a", pictures=grid("1", "w1", CELLS))
    assert texts(one, record("b", pictures=grid("2", "w2", blurred))) == []
    assert texts(one, record("b", pictures=grid("2", "", blurred))) != []
    assert texts(one, record("b", pictures=grid("2", "w2", CELLS))) != []


def test_earlier_classes_given_material_and_bundled_weights_are_named() -> None:
    earlier = [record("x (2025)", pictures=grid("1"))]
    found = texts(
        record("a", pictures=grid("1", "beef")), earlier=earlier, bundled={"beef": "mnist"}
    )
    assert found == [
        ("a", "result_mnist.jpg shows the same pixels as result_mnist.jpg of x (2025)"),
        ("a", "the weights beef are those that come with ddpm-studio (mnist)"),
    ]


def test_equal_code_is_named_by_its_file() -> None:
    one, two = (
        record("a", code={"hashes": {"x.py": "1"}}),
        record("b", code={"hashes": {"y.py": "1"}}),
    )
    assert texts(one, two)[0][1] == "x.py is equal, but for spaces and comments, to a file of b"
