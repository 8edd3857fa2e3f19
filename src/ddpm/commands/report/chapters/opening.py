"""The chapters that say what was done: the runs, their data, the environment, the commands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ddpm.commands.report.material import Fact, Material, RunFacts, fact_tables
from ddpm.commands.report.notes import Notes
from ddpm.documents.citations import augmentation_source
from ddpm.documents.document import (
    Blank,
    Block,
    Cell,
    Heading,
    Items,
    Missing,
    Paragraph,
    Span,
    Table,
    code,
    spans,
)
from ddpm.documents.tables import NOTHING, number, whole

_HASH = 12  # digits of a content hash that are shown
_COUNTS = ("given", "used", "held_out", "duplicate", "broken")
_ENVIRONMENT = (
    "python", "torch", "numpy", "ddpm", "commit", "platform", "processor", "device", "threads",
    "precision", "seed", "init",
)  # fmt: skip


def runs_chapter(material: Material) -> Iterator[Block]:
    """All runs at a glance."""
    words, runs = material.words, material.runs
    yield Paragraph(_preface(material))
    yield Heading(words("runs"))
    facts: list[Fact] = [
        (words("fact.model"), [run.config.get("model", "").upper() for run in runs]),
        (words("fact.preset"), [code(str(run.config.get("preset", ""))) for run in runs]),
        (words("fact.images"), [code(run.data_name) for run in runs]),
        (words("fact.shape"), [_shape(run) for run in runs]),
    ]
    facts += [
        (
            words("fact.parameters_of", part=words(f"part.{part}")),
            [_size(run, part) for run in runs],
        )
        for part in ("network", "generator", "discriminator")
    ]
    facts += [
        (words("fact.steps"), [whole(run.progress.get("step")) for run in runs]),
        (words("fact.seen"), [whole(run.progress.get("images")) for run in runs]),
        (words("fact.epochs"), [_decimal(run.progress.get("epochs")) for run in runs]),
        (words("fact.minutes"), [_decimal(run.progress.get("minutes")) for run in runs]),
        (words("fact.speed"), [_rounded(run.progress.get("speed")) for run in runs]),
        (words("fact.weights"), [code(run.weights) for run in runs]),
    ]
    names = [run.name for run in runs]
    yield from fact_tables(words, words("runs.caption"), names, facts, material.commands("train"))
    yield from _absences(material)


def _preface(material: Material) -> tuple[Span, ...]:
    before, _, after = material.words("preface").partition("{command}")
    return spans(before, code(material.command), after)


def _absences(material: Material) -> Iterator[Block]:
    """What a run folder lacks, with the command that brings it."""
    for run in material.runs:
        kinds = (("environment", run.environment), ("losses", run.losses), ("weights", run.weights))
        for kind, there in kinds:
            if not there:
                text = material.words(f"missing.{kind}", run=run.name)
                yield Missing(text, run.commands["train"])


def _shape(run: RunFacts) -> str:
    data = run.environment.get("data", {})
    if "size" not in data:
        return NOTHING
    return f"{data.get('channels', '?')} x {str(data['size']).replace('x', ' x ')}"


def _size(run: RunFacts, part: str) -> str:
    return whole(run.parameters.get(part))


def _rounded(value: float | None) -> str:
    return NOTHING if value is None else f"{value:,.0f}"


def _decimal(value: float | None) -> str:
    return NOTHING if value is None else f"{value:,.1f}"


def data_chapter(material: Material, notes: Notes) -> Iterator[Block]:
    """Counts, sizes, augmentation and sources of the images."""
    words, runs = material.words, material.runs
    yield Heading(words("data"))
    yield from _data_sources(material)
    yield from _unknown_sources(material, notes)
    yield Paragraph(spans(words("data.scaling")))
    facts: list[Fact] = [
        (words(f"data.{key}"), [whole(_data(run, key)) for run in runs]) for key in _COUNTS
    ]
    facts += [
        (words("data.reason"), [words.sentence(_data(run, "held_out_reason")) for run in runs]),
        (words("data.kind"), [words.kind(str(_data(run, "kind") or "")) for run in runs]),
        (words("data.size"), [str(_data(run, "size") or "") for run in runs]),
        (words("data.channels"), [whole(_data(run, "channels")) for run in runs]),
        (words("data.mean"), [_numbers(run, "mean") for run in runs]),
        (words("data.std"), [_numbers(run, "std") for run in runs]),
        (words("data.labels"), [_labels(material, run) for run in runs]),
        (words("data.augmentation"), [augmentation(material, run) for run in runs]),
        (
            words("data.content"),
            [code(str(_data(run, "content_hash") or "")[:_HASH]) for run in runs],
        ),
    ]
    names = [run.name for run in runs]
    yield from fact_tables(words, words("data.caption"), names, facts, material.commands("data"))
    yield from _broken_files(material)


def _data(run: RunFacts, key: str) -> Any:
    return run.environment.get("data", {}).get(key)


def _numbers(run: RunFacts, key: str) -> str:
    values = _data(run, key)
    return NOTHING if values is None else ", ".join(map(number, values))


def _labels(material: Material, run: RunFacts) -> str:
    kind = str(run.setting("data.labels")).partition(":")[0]
    if kind == "kmeans" and run.classes:
        return material.words("data.groups", count=run.classes)
    return material.words("yes" if run.classes else "no")


def augmentation(material: Material, run: RunFacts) -> str:
    """What is done to each image at random, in words."""
    words, done = material.words, []
    if run.setting("data.flip"):
        done.append(words("augment.flip"))
    if run.setting("data.shift"):
        done.append(words("augment.shift", pixels=run.setting("data.shift")))
    if run.setting("data.crop"):
        done.append(words("augment.crop", share=f"{100 * (1 - run.setting('data.crop')):g} %"))
    if run.setting("data.augment"):
        names, chance = words.listed(run.setting("data.transforms")), run.setting("data.augment")
        told = words("augment.told", transforms=names, chance=f"{chance:g}")
        done.append(told + material.cite(augmentation_source(run.config)))
    return words.listed(done) or words("none")


def _broken_files(material: Material) -> Iterator[Block]:
    for run in material.runs:
        broken = _data(run, "broken_files") or []
        names = [f"{file.get('name', '?')} ({file.get('reason', '?')})" for file in broken[:5]]
        if names:
            files = material.words.listed([*names, *(["…"] if len(broken) > 5 else [])])
            words = material.words("data.broken_files", run=run.name, files=files)
            yield Paragraph(spans(words))


def _data_sources(material: Material) -> Iterator[Block]:
    """Where the images come from, and under which licence."""
    lines = []
    for name in dict.fromkeys(run.data_name for run in material.runs):
        source = material.data_sources.get(name)
        if source is not None:
            values = material.words.dataset(name, source)
            cited = material.cite(f"data:{name}")
            lines.append(spans(material.words("data.source", name=name, cite=cited, **values)))
    if lines:
        yield Items(tuple(lines))


def _unknown_sources(material: Material, notes: Notes) -> Iterator[Block]:
    """The author's words on sets that are not known by name, or a box for them."""
    used = dict.fromkeys(run.data_name for run in material.runs)
    names = [name for name in used if name not in material.data_sources]
    if "data" in notes.own:
        yield from notes.own["data"]
    elif names:
        words = material.words
        prompt = words("own.data.prompt", names=words.listed(names))
        yield Blank(words("own.label"), prompt)


def reproduction_chapter(material: Material) -> Iterator[Block]:
    """Machine, versions, seeds, and every command of the report."""
    words, runs = material.words, material.runs
    yield Heading(words("reproduction"))
    yield Paragraph(spans(words("reproduction.seeds")))
    facts: list[Fact] = [
        (words(f"environment.{key}"), [_environment(run, key) for run in runs])
        for key in _ENVIRONMENT
    ]
    names = [run.name for run in runs]
    yield from fact_tables(words, words("environment.caption"), names, facts, align="l")
    yield _commands(material)


def _environment(run: RunFacts, key: str) -> Cell:
    value = run.environment.get(key)
    text = "" if value is None else str(value)
    return code(text) if key in ("commit", "platform", "init") and text else text


def _commands(material: Material) -> Table:
    words = material.words
    rows: list[tuple[Cell, ...]] = []
    for run in material.runs:
        made = [kind for kind in ("train", "sample", "evaluate") if kind in run.commands]
        rows += [
            (words(f"commands.{kind}", run=run.name), code(run.commands[kind])) for kind in made
        ]
    for comparison in material.comparisons:
        rows.append((words("commands.compare"), code(str(comparison.row.get("command", "")))))
    rows.append((words("commands.report"), code(material.command)))
    head = (words("commands.does"), words("commands.command"))
    return Table(words("commands.caption"), head, tuple(rows), "ll", shares=(1.0, 2.6))
