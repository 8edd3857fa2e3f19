"""What a report is made of: plain rows out of run files, names of pictures, words and citations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from ddpm.commands.report.words.languages import Words
from ddpm.config import family_of
from ddpm.documents.citations import Citations
from ddpm.documents.document import Cell, Table
from ddpm.documents.tables import NOTHING
from ddpm.messages import Message

Row = Mapping[str, Any]
COLUMNS = 4  # runs side by side in one table
_NATURAL = 2  # runs up to which a table is as wide as its words


@dataclass(frozen=True)
class RunFacts:
    """One run. Pictures are named by what they show: loss, samples, frames, backward, forward, and
    one `network-…` for each network."""

    name: str
    config: Row  # config.json
    environment: Row  # environment.json; {} where there is none
    progress: Row  # step, images, epochs, minutes, speed; {} before the first step
    losses: Row  # kind of loss → value, window (iterations it is the mean of, or None)
    commands: Mapping[str, str]  # train, sample, evaluate, data
    parameters: Mapping[str, int] = field(default_factory=dict)  # by network
    classes: int = 0  # learned
    step: int | None = None  # of the newest checkpoint
    drawn: Message | None = None  # how images are made
    filmed: Message | None = None  # and how those of the backward process, step by step
    average: float | None = None  # σ_rel, where ddpm ema chose what is drawn with
    weights: str = ""  # hash; "" where there is no checkpoint
    data_name: str = ""  # what the images are called
    evaluation: Row | None = None
    pictures: Mapping[str, str] = field(default_factory=dict)
    forward_from_data: bool = True  # the forward strip shows training images
    frame_shares: str = ""  # where in the GIF the frames lie, in words

    @property
    def gan(self) -> bool:
        family = family_of(self.config)
        return family is not None and family.is_adversarial

    @property
    def student(self) -> bool:
        family = family_of(self.config)
        return family is not None and family.is_distilled

    def setting(self, key: str) -> Any:
        """The value at a key such as `training.steps`; None where the configuration has no such key."""
        value: Any = self.config
        for name in key.split("."):
            value = value.get(name) if isinstance(value, Mapping) else None
        return value


@dataclass(frozen=True)
class ComparisonFacts:
    """One comparison folder: comparison.json, and its pictures by name."""

    row: Row
    pictures: Mapping[str, str] = field(default_factory=dict)
    stale: Sequence[tuple[str, int, int]] = ()  # runs trained on since: label, step then and now


@dataclass(frozen=True)
class Material:
    """All of a report's material and its language."""

    runs: Sequence[RunFacts]
    comparisons: Sequence[ComparisonFacts]
    words: Words
    cite: Citations
    data_sources: Mapping[str, Row] = field(default_factory=dict)  # name → citation, license, …
    command: str = "ddpm report"

    def commands(self, kind: str) -> tuple[str, ...]:
        """The commands of one kind, of every run."""
        return tuple(dict.fromkeys(run.commands[kind] for run in self.runs if kind in run.commands))


Fact = tuple[str, Sequence[Cell]]  # a row's title, and its cell for each run


def fact_tables(
    words: Words,
    caption: str,
    names: Sequence[str],
    facts: Sequence[Fact],
    commands: Sequence[str] = (),
    *,
    align: str = "r",
) -> Iterator[Table]:
    """Facts below one another, runs side by side, up to four in a table; empty rows are left out."""
    told = [fact for fact in facts if any(_said(cell) for cell in fact[1])]
    for start in range(0, len(names), COLUMNS):
        shown = list(islice(names, start, start + COLUMNS))
        rows = [(title, *cells[start : start + COLUMNS]) for title, cells in told]
        yield Table(
            caption=caption,
            head=("", *shown),
            rows=tuple(rows),
            align="l" + align * len(shown),
            commands=tuple(commands),
            shares=(1.25, *[1.0] * len(shown)) if len(shown) > _NATURAL else (),
        )


def _said(cell: Cell) -> bool:
    text = cell if isinstance(cell, str) else cell.text
    return text not in ("", NOTHING)
