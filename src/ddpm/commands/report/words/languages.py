"""The report's languages: each is a module of tables, and a row of `LANGUAGES`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ddpm.commands.report.words import chinese, english
from ddpm.messages import sentence

OWN = ("observations", "eye", "difficulties", "conclusion")  # passages of the author's
PASSAGES = (*OWN, "data")  # the last only where the data set is not known by name


class Language(Protocol):
    """The tables of one language, with the keys of `english.py`. The last three may lack keys."""

    WORDS: dict[str, str]  # headings, captions and sentences of the report
    SETTINGS: dict[str, str]  # what each configuration key means
    MESSAGES: dict[str, str]  # sentences of the messages in run files, by code
    METRICS: dict[str, str]  # names of metrics
    DATASETS: dict[str, tuple[str, str]]  # by name of a data set: description and license


LANGUAGES: dict[str, Language] = {"en": english, "zh-TW": chinese}  # by BCP 47 tag


@dataclass(frozen=True)
class Words:
    """The words of one language: `words("data.given")`, with values for the fields in braces."""

    language: str = "en"

    @property
    def tables(self) -> Language:
        return LANGUAGES[self.language]

    def __call__(self, key: str, **values: Any) -> str:
        text = self.tables.WORDS[key]
        return text.format(**values) if values else text

    def meaning(self, key: str) -> str:
        """Return what a configuration key such as `training.steps` means; "" for an unknown key."""
        return self.tables.SETTINGS.get(key, "")

    def metric(self, name: str, label: str) -> str:
        """Return a metric's name, or its English `label` where the language has none."""
        return self.tables.METRICS.get(name, label)

    def dataset(self, name: str, entry: Mapping[str, str]) -> dict[str, str]:
        """Return a data set's description and license, or those of `entry` where the language has none."""
        text, license = self.tables.DATASETS.get(name, (entry["text"], entry["license"]))
        return {"text": text, "license": license}

    def sentence(self, message: Any) -> str:
        """Return the sentence of a message out of a run file; "" for None."""
        return sentence(message, self.tables.MESSAGES, self("list"))

    def kind(self, name: str) -> str:
        """Return the name of a kind of data set such as `zip`; an unknown one as it is."""
        return self.tables.WORDS.get(f"kind.{name}", name)

    def listed(self, items: list[str]) -> str:
        """Return items in one line."""
        return self("list").join(items)


def fixed_characters() -> str:
    """Return every character of the tables, all languages: a bundled font must have them."""
    texts: list[str] = []
    for tables in LANGUAGES.values():
        for table in (tables.WORDS, tables.SETTINGS, tables.MESSAGES, tables.METRICS):
            texts += table.values()
        texts += [text for pair in tables.DATASETS.values() for text in pair]
    return "".join(sorted(set("".join(texts))))
