"""The report's words by key and language; values of run files that are phrases are translated too."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ddpm.commands.report.words import chinese, english

LANGUAGES = ("en", "zh-TW")
_WORDS: dict[str, dict[str, str]] = {"en": english.WORDS, "zh-TW": chinese.WORDS}
_SETTINGS: dict[str, dict[str, str]] = {"en": english.SETTINGS, "zh-TW": chinese.SETTINGS}
OWN = ("observations", "eye", "difficulties", "conclusion")  # passages of the author's
PASSAGES = (*OWN, "data")  # the last only where the data set is not known by name


@dataclass(frozen=True)
class Words:
    """The words of one language: `words("data.given")`, with values for what stands in braces."""

    language: str = "en"

    def __call__(self, key: str, **values: Any) -> str:
        text = _WORDS[self.language][key]
        return text.format(**values) if values else text

    def meaning(self, key: str) -> str:
        """What a configuration key such as `training.steps` means; "" for one without words."""
        return _SETTINGS[self.language].get(key, "")

    def metric(self, name: str, label: str) -> str:
        """A metric's name, as labelled in English where the language has no word for it."""
        return label if self.language == "en" else chinese.METRICS.get(name, label)

    def phrase(self, text: str) -> str:
        """A phrase out of a run's files; as it is where it is none of the known ones."""
        if self.language == "en":
            return text
        for pattern, becomes in chinese.PHRASES:
            found = re.fullmatch(pattern, text)
            if found:
                return found.expand(becomes)
        return text

    def listed(self, items: list[str]) -> str:
        """Items in one line."""
        return self("list").join(items)


def fixed_characters() -> str:
    """Every character that the tables of words hold, all languages: what a bundled font must have."""
    tables = (*_WORDS.values(), *_SETTINGS.values())
    texts = [text for table in tables for text in table.values()]
    texts += [*chinese.METRICS.values(), *(becomes for _, becomes in chinese.PHRASES)]
    return "".join(sorted(set("".join(texts))))
