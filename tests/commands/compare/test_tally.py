"""The tally of filled forms: judges who see get the right result, bad forms are named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ddpm.commands.compare.blind import write_blind
from ddpm.commands.compare.tally import tally, tally_text
from ddpm.errors import RequestError
from ddpm.messages import message, sentence
from tests.commands.compare.judges import Images, grey, judged, request

pytestmark = pytest.mark.usefixtures("image_files")


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
    said = tally_text(result)
    assert "quality: good is better" in said
    assert "good before bad in % of pairs: 100 [79.6, 100], n=15: good is better" in said


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
    assert "before" not in tally_text(result)


def test_several_judges_are_tallied_together(shown: dict[str, Images]) -> None:
    paths = write_blind(request())
    first, pairs = judged(shown, paths)
    second = first.with_name("second.csv")
    second.write_text(first.read_text("utf-8").replace(",y,", ",n,"), "utf-8")
    result = tally([first, second, pairs], Path("comparison"))
    assert result["judges"] == {"pictures": 2, "pairs": 1}
    real = result["entries"][2]["taken_for_real"]
    assert (real["value"], real["n"]) == (0.5, 15)


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
