"""The words: the same keys and blanks in both languages, and none missing for a setting or a phrase."""

from __future__ import annotations

import string
from dataclasses import fields, is_dataclass
from typing import Any

import pytest

from ddpm.commands.report.words import chinese, english
from ddpm.commands.report.words.languages import LANGUAGES, Words
from ddpm.config import Config
from ddpm.data.catalogue import DATASETS
from ddpm.data.dataset import TEST_FILES
from ddpm.evaluation.metrics import METRICS


def blanks(text: str) -> set[str | None]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_both_languages_have_the_same_keys_and_blanks() -> None:
    assert list(english.WORDS) == list(chinese.WORDS)
    assert list(english.SETTINGS) == list(chinese.SETTINGS)
    for key, text in english.WORDS.items():
        assert blanks(text) == blanks(chinese.WORDS[key]), key


def test_no_word_is_empty_and_chinese_words_are_chinese() -> None:
    latin = {"part.network", "value.unet", "student", "list"}
    for key, text in (english.WORDS | english.SETTINGS).items():
        assert text.strip(), key
    for key, text in (chinese.WORDS | chinese.SETTINGS).items():
        same = key in latin or key.startswith("environment.")
        assert same or any(ord(c) > 0x2E80 for c in text), key


def keys(section: Any, prefix: str = "") -> list[str]:
    found = []
    for f in fields(section):
        value = getattr(section, f.name)
        nested = is_dataclass(value)
        found += keys(value, f"{prefix}{f.name}.") if nested else [prefix + f.name]
    return found


def test_every_setting_has_a_meaning() -> None:
    assert set(english.SETTINGS) == {"format", *keys(Config())}
    assert Words("zh-TW").meaning("training.seed") == "訓練種子"
    assert Words().meaning("unheard.of") == ""


def test_every_metric_but_the_fields_own_names_is_translated() -> None:
    likelihood = {"bits-bound", "bits-ode"}
    assert set(chinese.METRICS) == (set(METRICS) | likelihood) - {"fd", "kid", "is"}
    assert Words("zh-TW").metric("recall", "recall") == "召回率（recall）"
    assert (
        Words("zh-TW").metric("fd", "FD-digits") == Words().metric("fd", "FD-digits") == "FD-digits"
    )


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        (TEST_FILES, "測試檔案"),
        ("60,000 training images", " 60,000 張訓練影像"),
        ("10,000 test images, none of them in the reference", " 10,000 張測試影像（皆不在參考影像中）"),
        ("dpm++2m, 20 steps, guidance 1.6", "dpm++2m、20 步、引導 1.6"),
        ("one pass of the generator", "生成器的單次運算"),
        ("a b is better", "a b 較佳"),
        ("not distinguishable at n=1000", "在 n=1000 時無法區分"),
        ("something else", "something else"),
    ],
)  # fmt: skip
def test_phrases_of_run_files_are_translated(text: str, becomes: str) -> None:
    assert Words("zh-TW").phrase(text) == becomes
    assert Words("en").phrase(text) == text


def test_descriptions_of_the_data_sets_are_translated() -> None:
    for entry in DATASETS.values():
        assert Words("zh-TW").phrase(entry.description) != entry.description
    assert LANGUAGES == ("en", "zh-TW")


def test_braces_in_a_name_are_no_blanks() -> None:
    assert (
        Words()("network.same", run="{other}", other="b") == "{other} has the same structure as b."
    )
