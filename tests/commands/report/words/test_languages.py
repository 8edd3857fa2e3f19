"""The words of a report: each language has the same keys and blanks, and lacks none."""

from __future__ import annotations

import string
from dataclasses import fields, is_dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from ddpm.commands.report.notes import read_notes
from ddpm.commands.report.words import chinese, english
from ddpm.commands.report.words.languages import LANGUAGES, Words, fixed_characters
from ddpm.config import Config
from ddpm.data.catalogue import DATASETS
from ddpm.documents.document import Document
from ddpm.documents.typefaces import faces
from ddpm.documents.typst_markup import to_typst
from ddpm.evaluation.metrics import METRICS
from ddpm.messages import ENGLISH as MESSAGES
from ddpm.messages import message, sentence


def blanks(text: str) -> set[str | None]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_both_languages_have_the_same_keys_and_blanks() -> None:
    assert list(english.WORDS) == list(chinese.WORDS)
    assert list(english.SETTINGS) == list(chinese.SETTINGS)
    for key, text in english.WORDS.items():
        assert blanks(text) == blanks(chinese.WORDS[key]), key


def test_no_word_is_empty_and_chinese_words_are_chinese() -> None:
    latin = {"part.network", "student", "list"}
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
    ("found", "becomes"),
    [
        (message("test_files"), "測試檔案"),
        (message("training_images", count=60_000), " 60,000 張訓練影像"),
        (message("sampler_guided", sampler="dpm++2m", steps=20, guidance=1.6), "dpm++2m、20 步、引導 1.6"),
        (message("better", label="a b"), "a b 較佳"),
        (message("better_than", label="a", beaten=["b", "c"], level=["d"], n=9),
         "a 優於 b、c；在 n=9 時與 d 無法區分"),
        (message("text", text="something else"), "something else"),
        (None, ""),
    ],
)  # fmt: skip
def test_messages_of_run_files_are_translated(found: Any, becomes: str) -> None:
    assert Words("zh-TW").sentence(found) == becomes
    assert Words("en").sentence(found) == sentence(found)


def test_every_message_has_a_sentence_with_the_same_blanks() -> None:
    for language, tables in LANGUAGES.items():
        assert list(tables.MESSAGES) == list(MESSAGES), language
        for code, text in tables.MESSAGES.items():
            assert blanks(text) == blanks(MESSAGES[code]), (language, code)


def test_descriptions_and_kinds_of_the_data_sets_are_translated() -> None:
    assert set(chinese.DATASETS) == set(DATASETS)
    entry = {"text": "handwritten digits", "license": "CC BY 4.0"}
    assert Words("en").dataset("digits", entry) == entry
    assert Words("zh-TW").dataset("digits", entry)["text"] == "手寫數字（小尺寸、灰階）"
    assert Words("zh-TW").dataset("my own", entry) == entry
    assert Words("zh-TW").kind("IDX files") == "IDX 檔案" and Words().kind("rar") == "rar"


def test_another_language_is_a_module_of_tables_and_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    german = SimpleNamespace(
        WORDS={**english.WORDS, "runs": "Die Läufe", "own.eye": "Mit bloßem Auge"},
        SETTINGS=english.SETTINGS,
        MESSAGES={"better": "{label} ist besser"},
        METRICS={"recall": "Trefferquote"},
        DATASETS={},
    )
    monkeypatch.setitem(LANGUAGES, "de", german)
    words = Words("de")
    assert words("runs") == "Die Läufe" and words.metric("recall", "recall") == "Trefferquote"
    assert words.sentence(message("better", label="a")) == "a ist besser"
    assert words.sentence(message("test_files")) == "the test files"  # not translated yet
    assert read_notes("# Mit bloßem Auge\n\nGut.").own.keys() == {"eye"}
    assert "ß" in fixed_characters()
    page = to_typst(Document("Bericht", (), (), language="de"), faces())
    assert 'language: "de", region: none' in page


def test_braces_in_a_name_are_no_blanks() -> None:
    assert (
        Words()("network.same", run="{other}", other="b") == "{other} has the same structure as b."
    )
