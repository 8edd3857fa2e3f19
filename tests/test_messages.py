"""Messages: a code and values in run files, a sentence when shown."""

from __future__ import annotations

import json
from string import Formatter

import pytest

from ddpm.messages import ENGLISH, join_sentences, message, sentence


def test_a_message_is_plain_json() -> None:
    made = message("training_images", count=60_000)
    assert json.loads(json.dumps(made)) == {"code": "training_images", "count": 60_000}
    assert sentence(made) == "60,000 training images"


def test_a_code_without_a_sentence_cannot_be_written() -> None:
    with pytest.raises(KeyError):
        message("trainig_images", count=1)


def test_lists_and_messages_inside_a_message_are_written_out() -> None:
    verdict = message("better_than", label="a", beaten=["b", "c"], level=["d"], n=100)
    assert sentence(verdict) == "a is better than b, c; not distinguishable from d at n=100"
    fault = message("not_finite", step=7, quantity="loss", value="nan")
    words = sentence(
        message("training_recovered", fault=fault, step=5, change=message("half_rate"))
    )
    assert words == (
        "At step 7 the loss became nan; the run went back to step 5 and continues at half the learning "
        "rate"
    )


def test_a_language_without_a_sentence_falls_back_to_english() -> None:
    made = message("best", label="a")
    assert sentence(made, {"best": "{label} gewinnt"}) == "a gewinnt"
    assert sentence(made, {}) == "a is best"


@pytest.mark.parametrize(
    ("found", "shown"),
    [
        (None, ""),
        ("an old sentence", "an old sentence"),
        ({"code": "from_tomorrow", "n": 3}, "from_tomorrow, 3"),
        ({"code": "training_images"}, "training_images"),
        ({"code": "training_images", "count": "many"}, "training_images, many"),
        ({"code": ["x"], "n": 1}, "x, 1"),
        ({}, ""),
        (7, "7"),
    ],
)
def test_what_is_no_message_is_shown_as_it_is(found: object, shown: str) -> None:
    assert sentence(found) == shown


def test_several_messages_make_one_line() -> None:
    notes = [message("n_available", n=5, usual=1000), message("heldout_trained_on")]
    assert join_sentences(notes) == f"{sentence(notes[0])}; {sentence(notes[1])}"
    assert join_sentences([]) == ""


def test_every_value_of_a_sentence_has_a_name() -> None:
    for text in ENGLISH.values():
        assert all(name is None or name.isidentifier() for _, name, _, _ in Formatter().parse(text))
