"""The blind test as a whole: sheets are made, a judge who sees fills the forms, the tally finds out."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ddpm.commands.compare import blind
from ddpm.commands.compare.blind import BlindRequest, arrange, blind_instructions, write_blind
from ddpm.commands.compare.sealed_key import unseal
from ddpm.commands.compare.tally import tally
from ddpm.commands.compare.tally import tally_text as tally_printed
from ddpm.errors import RequestError
from ddpm.messages import message, sentence

Images = np.ndarray
GREY = {"good": 200, "bad": 90, "real": 250}  # how bright each source's images are


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, count in (("good", 40), ("bad", 40), ("real", 150)):
        rng = np.random.default_rng(count)
        images = np.full((count, 1, 8, 8), GREY[name], np.uint8)
        images[:, 0, 0] = rng.integers(0, 256, (count, 8))  # no two images are equal
        np.savez(f"{name}.npz", images=images)


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> dict[str, Images]:
    """The images that the sheets show."""
    seen: dict[str, Images] = {}
    sheet, pairs = blind.save_numbered_sheet, blind.save_paired_sheet

    def spy_sheet(path: Path, images: Images, *, note: str) -> None:
        seen["pictures"], seen["note"] = images, np.array(note)
        sheet(path, images, note=note)

    def spy_pairs(path: Path, left: Images, right: Images, *, note: str) -> None:
        seen["left"], seen["right"] = left, right
        pairs(path, left, right, note=note)

    monkeypatch.setattr(blind, "save_numbered_sheet", spy_sheet)
    monkeypatch.setattr(blind, "save_paired_sheet", spy_pairs)
    return seen


def request(**others: Any) -> BlindRequest:
    known: dict[str, Any] = {"targets": ["good.npz", "bad.npz"], "reference": "real.npz", "n": 15}
    return BlindRequest(**{**known, **others})


def grey(image: Images) -> int:
    return int(image[0, 4, 4])


def fill(path: Path, answers: list[str]) -> Path:
    """A copy of the form with the answers, as a second file."""
    text = path.read_text("utf-8")
    for number, answer in enumerate(answers, start=1):
        blank = next(line for line in text.splitlines() if line.startswith(f"{number},"))
        text = text.replace(f"\n{blank}\n", f"\n{number},{answer}\n")
    filled = path.with_name(f"filled-{path.name}")
    filled.write_text(text, "utf-8")
    return filled


def judged(
    shown: dict[str, Images], paths: list[Path], mark: Callable[[Images], str] | None = None
) -> list[Path]:
    """The forms as someone fills them who goes by brightness alone."""
    _, form, _, pairs = paths
    mark = mark or (lambda image: f"{'y' if grey(image) > 220 else 'n'},{1 + grey(image) // 60}")
    sides = zip(shown["left"], shown["right"], strict=True)
    better = ["left" if grey(a) > grey(b) else "right" for a, b in sides]
    return [fill(form, [mark(image) for image in shown["pictures"]]), fill(pairs, better)]


def test_a_seeing_judge_gets_the_right_result(shown: dict[str, Images]) -> None:
    result = tally(judged(shown, write_blind(request())), Path("comparison"))
    good, bad, real = result["entries"]
    assert [row["label"] for row in (good, bad, real)] == ["good", "bad", "real images"]
    assert (good["quality"]["value"], bad["quality"]["value"], real["quality"]["value"]) == (
        4,
        2,
        5,
    )
    assert (good["taken_for_real"]["value"], real["taken_for_real"]["value"]) == (0, 1)
    assert good["taken_for_real"]["n"] == 15 and good["taken_for_real"]["high"] > 0.1
    assert result["verdicts"] == {
        "quality": message("better", label="good"),
        "taken_for_real": message("not_distinguishable", n=15),
    }
    (pair,) = result["pairs"]
    assert (pair["preferred"]["value"], pair["preferred"]["n"]) == (1, 15)
    assert sentence(pair["verdict"]) == "good is better"
    assert json.loads(Path("comparison/blind/tally.json").read_text("utf-8")) == result
    said = tally_printed(result)
    assert "quality: good is better" in said
    assert "good before bad in % of pairs: 100 [79.6, 100], n=15: good is better" in said


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


def test_without_real_images_none_are_shown_or_asked_for(shown: dict[str, Images]) -> None:
    paths = write_blind(request(real=False, reference=None))
    assert {grey(image) for image in shown["pictures"]} == {200, 90}
    assert "number,quality\n" in paths[1].read_text("utf-8")
    forms = judged(shown, paths, mark=lambda image: str(1 + grey(image) // 60))
    result = tally(forms[:1], Path("comparison"))
    assert [row["label"] for row in result["entries"]] == ["good", "bad"]
    assert result["verdicts"]["quality"] == message("better", label="good")
    assert result["pairs"][0] == {
        "labels": ["good", "bad"], "preferred": None, "verdict": message("no_answers")
    }  # fmt: skip
    assert "before" not in tally_printed(result)


def test_several_judges_are_tallied_together(shown: dict[str, Images]) -> None:
    paths = write_blind(request())
    first, pairs = judged(shown, paths)
    second = first.with_name("second.csv")
    second.write_text(first.read_text("utf-8").replace(",y,", ",n,"), "utf-8")
    result = tally([first, second, pairs], Path("comparison"))
    assert result["judges"] == {"pictures": 2, "pairs": 1}
    real = result["entries"][2]["taken_for_real"]
    assert (real["value"], real["n"]) == (0.5, 15)


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


def test_bad_forms_are_named_with_the_reason(shown: dict[str, Images]) -> None:
    paths = write_blind(request())
    good, _ = judged(shown, paths)
    text = good.read_text("utf-8")

    def refusal(content: str, folder: str = "comparison/blind", out: str = "comparison") -> str:
        form = Path(folder) / "bad.csv"
        form.parent.mkdir(exist_ok=True)
        form.write_text(content, "utf-8")
        with pytest.raises(RequestError) as refused:
            tally([form], Path(out))
        return str(refused.value)

    assert refusal("") == (
        "comparison/blind/bad.csv is not a form of a blind test: its first line after the comments must "
        "be number,real,quality or pair,better."
    )
    assert "bad.csv answers picture 46, but numbers go from 1 to 45" in refusal(text + "46,y,1\n")
    assert "belongs to another sheet" in refusal(text.replace("key ", "key " + "0" * 64 + " "))
    assert "There is no key.json beside away/bad.csv or in none/blind" in refusal(
        text, "away", "none"
    )
    with pytest.raises(RequestError, match=r"missing.csv cannot be read \(No such file"):
        tally([Path("missing.csv")], Path("comparison"))
    key = Path("comparison/blind/key.json")
    key.write_text(key.read_text("utf-8").replace('"sha256": "', '"sha256": "0'), "utf-8")
    assert "key.json was changed after it was sealed" in refusal(text)


def test_the_key_says_what_was_compared() -> None:
    write_blind(request())
    content = Path("comparison/blind/key.json").read_text("utf-8")
    answer, _ = unseal(content, blind.KEY_PARTS)
    assert answer["targets"] == ["good.npz", "bad.npz"]
    assert len(answer["nonce"]) == 32
    assert "good" not in content.replace(answer["targets"][0], "")
