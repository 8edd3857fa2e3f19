"""The data of a report: plain rows from run files, names of pictures, words and citations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from ddpm.commands.report.words.languages import Words
from ddpm.config import family_of
from ddpm.documents.citations import Citations
from ddpm.documents.document import Cell, Table
from ddpm.documents.tables import NO_VALUE, format_count
from ddpm.messages import Message

Row = Mapping[str, Any]
COLUMNS = 4  # runs side by side in one table


@dataclass(frozen=True)
class ReportedRun:
    """One run.

    Pictures are named by their content: loss, samples, frames, backward, forward, and `network-…` for each
    network.
    """

    name: str
    config: Row  # config.json
    environment: Row  # environment.json; {} where there is none
    progress: Row  # step, images, epochs, minutes, speed; {} before the first step
    losses: Row  # kind of loss → value, window (iterations averaged, or None)
    commands: Mapping[str, str]  # train, sample, evaluate, data
    parameters: Mapping[str, int] = field(default_factory=dict)  # by network
    classes: int = 0  # learned
    step: int | None = None  # of the newest checkpoint
    sampled_by: Message | None = None  # how images are sampled
    animated_by: Message | None = None  # how the images of the backward process are sampled
    average: float | None = None  # σ_rel of the average that ddpm ema chose, if any
    weights: str = ""  # hash; "" without a checkpoint
    data_name: str = ""  # name of the data set
    evaluation: Row | None = None
    pictures: Mapping[str, str] = field(default_factory=dict)
    forward_from_data: bool = True  # whether the forward strip shows training images
    frame_shares: str = ""  # positions of the frames in the GIF

    @property
    def gan(self) -> bool:
        family = family_of(self.config)
        return family is not None and family.is_adversarial

    @property
    def student(self) -> bool:
        family = family_of(self.config)
        return family is not None and family.is_distilled

    @property
    def polished(self) -> bool:
        family = family_of(self.config)
        return family is not None and family.is_diffusion and family.has_teacher

    def setting(self, key: str) -> Any:
        """Return the value of a key such as `training.steps`; None if the configuration has no such key."""
        value: Any = self.config
        for name in key.split("."):
            value = value.get(name) if isinstance(value, Mapping) else None
        return value


@dataclass(frozen=True)
class ReportedComparison:
    """One comparison: the content of comparison.json, and its pictures by name."""

    row: Row
    pictures: Mapping[str, str] = field(default_factory=dict)
    stale: Sequence[
        tuple[str, int, int]
    ] = ()  # runs trained further since: label, step then and now
    all_reported: bool = False  # every entry is a run of the report, whose images the summary shows


@dataclass(frozen=True)
class ReportData:
    """All data of a report, and its language."""

    runs: Sequence[ReportedRun]
    comparisons: Sequence[ReportedComparison]
    words: Words
    cite: Citations
    data_sources: Mapping[str, Row] = field(default_factory=dict)  # by name: text and license
    command: str = "ddpm report"

    def commands(self, kind: str) -> tuple[str, ...]:
        """Return the commands of one kind, such as `train`, of every run."""
        return tuple(dict.fromkeys(run.commands[kind] for run in self.runs if kind in run.commands))


def parameters_text(words: Words, sizes: Mapping[str, int]) -> str:
    """Return parameter counts as `680,000` or `generator 1,200,000, discriminator 900,000`."""
    if len(sizes) == 1:
        return format_count(next(iter(sizes.values())))
    return words.listed([f"{words(f'part.{part}')} {format_count(n)}" for part, n in sizes.items()])


TableRow = tuple[str, Sequence[Cell]]  # a row's title, and a cell for each run


def run_tables(
    words: Words,
    caption: str,
    names: Sequence[str],
    facts: Sequence[TableRow],
    commands: Sequence[str] = (),
) -> Iterator[Table]:
    """Yield tables with a row for each fact and a column for each run, at most four runs per table.

    Rows without any value are left out.
    """
    filled = [fact for fact in facts if any(map(_has_value, fact[1]))]
    for start in range(0, len(names), COLUMNS):
        shown = list(islice(names, start, start + COLUMNS))
        rows = [(title, *cells[start : start + COLUMNS]) for title, cells in filled]
        yield Table(
            caption=caption,
            head=("", *shown),
            rows=tuple(rows),
            align="l" * (1 + len(shown)),
            commands=tuple(commands),
            shares=(1.1 if len(shown) > 1 else 0.6, *[1.0] * len(shown)),
        )


def _has_value(cell: Cell) -> bool:
    text = cell if isinstance(cell, str) else cell.text
    return text not in ("", NO_VALUE)
