"""Sentences in the run files of older versions become the messages that are written today."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ddpm.messages import ENGLISH, sentence
from ddpm.old_messages import SENTENCES, parse_old_sentence, upgrade_messages
from ddpm.runs import RunFolder, read_metrics

GOLDEN = Path(__file__).parent / "golden"
WRITTEN = {  # as older versions wrote them, and the message of today
    "the test files": {"code": "test_files"},
    "2 % by content hash": {"code": "heldout_by_hash", "percent": 2.0},
    "none, all images are trained on (data.all_images)": {"code": "heldout_none"},
    "none, fewer than 20 images": {"code": "heldout_too_few", "fewest": 20},
    "60,000 training images": {"code": "training_images", "count": 60_000},
    "877 training images, one half of them": {"code": "half_of_training", "count": 877},
    "876 training images, the other half": {"code": "other_half_of_training", "count": 876},
    "10,000 test images, none of them in the reference": {"code": "test_images", "count": 10_000},
    "44 held-out images, none of them in the reference": {"code": "heldout_images", "count": 44},
    "one pass of the generator": {"code": "generator_pass"},
    "dpm++2m, 20 steps": {"code": "sampler", "sampler": "dpm++2m", "steps": 20},
    "ddim, 8 steps, guidance 1.5": {
        "code": "sampler_guided", "sampler": "ddim", "steps": 8, "guidance": 1.5,
    },
    "ddim, 8 steps, guidance 2 away from step:500": {
        "code": "sampler_autoguided", "sampler": "ddim", "steps": 8, "guidance": 2.0,
        "guide": "step:500",
    },
    "student, 1 evaluation": {"code": "student_once"},
    "student, 4 evaluations": {"code": "student", "count": 4},
    "as asked for": {"code": "network_requested"},
    "the digit classifier is sure of 79% of the reference": {
        "code": "network_digits", "share": 0.79,
    },
    "the reference is in color; an encoder trained on it sees it best": {"code": "network_color"},
    "the reference holds no digits; an encoder trained on it sees it best": {
        "code": "network_no_digits",
    },
    "n is 100 instead of 1000: there are only 100 images": {
        "code": "n_available", "n": 100, "usual": 1000,
    },
    "n lowered from 900 to 876: there are only 876 reference images": {
        "code": "n_reference", "asked": 900, "n": 876,
    },
    "n lowered from 900 to 876: there are only 876 real images outside it": {
        "code": "n_floor", "asked": 900, "n": 876,
    },
    "1 broken image is left out: 30.png is damaged": {
        "code": "broken_image", "name": "30.png", "reason": "is damaged",
    },
    "3 broken images are left out: 30.png is damaged, …": {
        "code": "broken_images", "count": 3, "name": "30.png", "reason": "is damaged",
    },
    "the images at my set have changed since the training": {
        "code": "images_changed", "path": "my set",
    },
    "the held-out images were trained on, too (data.all_images)": {"code": "heldout_trained_on"},
    "64 held-out images": {"code": "likelihood_images", "count": 64},
    "not distinguishable at n=100": {"code": "not_distinguishable", "n": 100},
    "a is better than b, c; not distinguishable from d at n=9": {
        "code": "better_than", "label": "a", "beaten": "b, c", "level": "d", "n": 9,
    },
    "a, b is better": {"code": "better", "label": "a, b"},
    "7 is best": {"code": "best", "label": "7"},
    "only a has it": {"code": "measured_once", "label": "a"},
    "memorization begins: the loss on held-out images is 12% above that on as many training images (4.5 "
    "standard errors). What helps: use more images.": {
        "code": "memorization_gap", "gap": 0.12, "errors": 4.5,
    },
    "memorization begins: 15% of the images drawn are copies of training images (less than a third as far "
    "from the nearest as from the second nearest). What helps: use more images.": {
        "code": "memorization_copies", "share": 0.15,
    },
    "the generated images are nearly copies of one another (their diversity is 12% of the real images'): "
    "the generator has collapsed. Where it does not recover, train again.": {
        "code": "generator_collapsed", "value": 0.12,
    },
    "the discriminator is never fooled (it takes generated images for real with 0.31%), so the generator "
    "hardly learns from it. Where it lasts, train again.": {
        "code": "discriminator_unfooled", "value": 0.0031,
    },
    "runs/a draws like this by default from now on": {"code": "default_changed", "run": "runs/a"},
    "runs/a keeps its default; draw like this with: ddpm sample a --steps 8": {
        "code": "default_kept", "run": "runs/a", "command": "ddpm sample a --steps 8",
    },
    "draw like this with: ddpm sample a --steps 8": {
        "code": "default_command", "command": "ddpm sample a --steps 8",
    },
}  # fmt: skip


@pytest.mark.parametrize("text", WRITTEN, ids=lambda text: text[:40])
def test_an_old_sentence_becomes_its_message(text: str) -> None:
    assert parse_old_sentence(text) == WRITTEN[text]
    assert sentence(
        parse_old_sentence(text)
    )  # every value that the sentence of today needs is there


def test_every_kind_of_old_sentence_is_tested() -> None:
    codes = {code for code, _ in SENTENCES}
    assert codes == {str(row["code"]) for row in WRITTEN.values()}
    assert codes <= set(ENGLISH)


def test_an_unknown_sentence_is_kept_word_for_word() -> None:
    assert parse_old_sentence("words {of} nobody") == {"code": "text", "text": "words {of} nobody"}
    assert sentence(parse_old_sentence("words {of} nobody")) == "words {of} nobody"


def test_an_old_evaluation_is_upgraded_and_a_new_one_left_alone() -> None:
    old = json.loads((GOLDEN / "muon" / "evaluation.json").read_text("utf-8"))
    new = upgrade_messages(old)
    assert new["reference"]["what"] == {"code": "half_of_training", "count": 877}
    assert new["drawn"] == {"code": "sampler", "sampler": "dpm++2m", "steps": 4}
    assert new["notes"] == [] and "note" not in new
    assert new["rows"][0]["value"] == old["rows"][0]["value"]
    assert upgrade_messages(new) == new


def test_notes_are_taken_apart() -> None:
    notes = upgrade_messages({"note": "n is 5 instead of 1000: there are only 5 images; hello"})[
        "notes"
    ]
    assert [note["code"] for note in notes] == ["n_available", "text"]


def test_the_files_of_an_old_run_are_read_as_messages(tmp_path: Path) -> None:
    facts = RunFolder(GOLDEN / "student").load_environment()
    assert facts["data"]["held_out_reason"] == {"code": "heldout_by_hash", "percent": 2.0}
    assert facts["teacher"]["drawn"]["code"] == "sampler"
    log = tmp_path / "log.jsonl"
    warning = {"code": "memorization_copies", "share": 0.15}
    rows = [{"step": 1, "warning": "hello"}, {"step": 2, "warning": warning}]
    log.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    assert read_metrics(log) == [{"step": 1, "warning": {"code": "text", "text": "hello"}}, rows[1]]
