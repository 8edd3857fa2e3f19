"""The blind test as a whole: sheets are made, a judge who sees fills the forms, the tally finds out."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ddpm.commands.compare import blind
from ddpm.commands.compare.blind import arrange, blind_instructions, write_blind
from ddpm.commands.compare.sealed_key import unseal
from ddpm.errors import RequestError
from tests.commands.compare.judges import GREY, Images, grey, request

pytestmark = pytest.mark.usefixtures("image_files")


def test_the_sheets_mix_all_sources_and_show_no_image_twice(shown: dict[str, Images]) -> None:
    paths = write_blind(request())
    assert Counter(map(grey, shown["pictures"])) == {200: 15, 90: 15, 250: 15}
    order = [grey(image) for image in shown["pictures"]]
    assert order != sorted(order) and order != sorted(order, reverse=True)
    assert {
        frozenset(map(grey, pair)) for pair in zip(shown["left"], shown["right"], strict=True)
    } == {frozenset({200, 90})}
    every = np.concatenate([shown["pictures"], shown["left"], shown["right"]])
    assert len(np.unique(every.reshape(len(every), -1), axis=0)) == len(every)
    key = json.loads(Path("comparison/blind/key.json").read_text("utf-8"))
    assert str(shown["note"]) == f"key {key['sha256'][:12]}"
    assert key["sha256"] in paths[1].read_text("utf-8")
    with Image.open(paths[0]) as picture:
        assert picture.height > 500
    assert blind_instructions(paths).splitlines()[-1] == (
        "ddpm compare --tally comparison/blind/form.csv comparison/blind/pairs.csv"
    )


def test_of_files_in_classes_pictures_and_pairs_show_every_class(shown: dict[str, Images]) -> None:
    """Ten classes, one after the other: the first pictures would be of the first classes alone."""
    for name in ("good", "bad"):
        with np.load(f"{name}.npz") as stored:
            images = stored["images"]
        images[:, 0, 7, 7] = np.arange(40) // 4
        np.savez(f"{name}.npz", images=images)
    write_blind(request())
    pictures = [image for image in shown["pictures"] if grey(image) == GREY["good"]]
    for part in (pictures, [*shown["left"], *shown["right"]]):
        classes = [int(image[0, 7, 7]) for image in part]
        assert min(classes) < 3 and max(classes) > 6 and len(set(classes)) >= 6


def test_two_sheets_of_the_same_runs_are_shuffled_differently(shown: dict[str, Images]) -> None:
    orders = []
    for out in ("one", "two"):
        write_blind(request(out=Path(out)))
        orders.append([grey(image) for image in shown["pictures"]])
    assert orders[0] != orders[1]


@pytest.mark.parametrize("entries", [2, 3, 5])
def test_every_two_entries_meet_equally_often_and_on_both_sides(entries: int) -> None:
    found = arrange(random.Random(0), entries, 10, 8, 4)
    assert Counter(source for source, _ in found.pictures) == {
        **dict.fromkeys(range(entries), 10), entries: 4
    }  # fmt: skip
    meetings = Counter(frozenset((a[0], b[0])) for a, b in found.pairs)
    assert set(meetings.values()) == {8} and len(meetings) == entries * (entries - 1) // 2
    assert 0 < sum(a[0] < b[0] for a, b in found.pairs) < len(found.pairs)
    images = [*found.pictures, *(image for pair in found.pairs for image in pair)]
    assert len(set(images)) == len(images)
    assert max(image for _, image in images) < 10 + 8 * (entries - 1)


@pytest.mark.parametrize(
    ("others", "words"),
    [
        (
            {"n": 30},
            "30 images per entry and 30 pairs needs 60 images of good.npz, but it holds 40",
        ),
        ({"reference": None}, "name the real images with --reference"),
        ({"targets": ["good.npz"]}, "2 to 6"),
        ({"targets": ["good.npz", "wide.npz"]}, "The images of wide are 9x8 gray"),
        ({"out": Path("good.npz")}, "good.npz is a file"),
        ({"out": Path("good.npz/sheets")}, "because good.npz is a file"),
    ],
)
def test_bad_requests_write_nothing(others: dict[str, Any], words: str) -> None:
    np.savez("wide.npz", images=np.random.default_rng(0).integers(0, 256, (40, 1, 8, 9), np.uint8))
    with pytest.raises(RequestError, match=words):
        write_blind(request(**others))
    assert not Path("comparison").exists()


def test_a_sheet_that_is_out_is_not_overwritten() -> None:
    write_blind(request())
    with pytest.raises(RequestError, match="already holds a blind test"):
        write_blind(request())


def test_the_key_says_what_was_compared() -> None:
    write_blind(request())
    content = Path("comparison/blind/key.json").read_text("utf-8")
    answer, _ = unseal(content, blind.KEY_PARTS)
    assert answer["targets"] == ["good.npz", "bad.npz"]
    assert len(answer["nonce"]) == 32
    assert "good" not in content.replace(answer["targets"][0], "")
