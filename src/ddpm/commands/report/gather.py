"""All that a report is made of, gathered from runs and comparisons; what is missing, with its command."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ddpm.commands.report.material import ComparisonFacts, Material, Row, RunFacts
from ddpm.commands.report.read_run import (
    comparison_facts,
    facts_of,
    read_comparison,
    read_evaluation,
)
from ddpm.commands.report.words.languages import Words
from ddpm.config import load_config
from ddpm.data.catalogue import DATASETS
from ddpm.documents.citations import Citations, Source
from ddpm.errors import RequestError
from ddpm.runs import RunFolder, find_run


@dataclass(frozen=True)
class Subjects:
    """The runs of a report by name, and the comparisons with their folders; all of them can be read."""

    runs: dict[str, RunFolder]
    comparisons: Sequence[tuple[Path, Row]]

    @property
    def configs(self) -> list[Path]:
        return [run.config for run in self.runs.values()]


def open_subjects(targets: Sequence[str], comparisons: Sequence[Path]) -> Subjects:
    """RequestError where a run or a comparison is not there or damaged."""
    return Subjects(_named(targets), [(folder, read_comparison(folder)) for folder in comparisons])


def _named(targets: Sequence[str]) -> dict[str, RunFolder]:
    """The runs by names that differ; RequestError where one is not there."""
    runs: dict[str, RunFolder] = {}
    for target in targets:
        run = find_run(target)
        if run is None:
            raise RequestError(f"{target} is not a run; give a folder that ddpm train wrote.")
        name = run.root.name if run.root.name not in ("", "..") else run.root.resolve().name
        if any(run.root.resolve() == other.root.resolve() for other in runs.values()):
            continue
        names = [name, *(f"{name}-{n}" for n in range(2, len(targets) + 2))]
        runs[next(choice for choice in names if choice not in runs)] = run
        load_config(run.config)
        read_evaluation(run.evaluation)
    return runs


def gather(
    subjects: Subjects, pictures: Path, language: str, command: str, device: str
) -> tuple[Material, list[tuple[str, str]]]:
    """The material, its pictures drawn into `pictures`, and the comparisons that have not been made."""
    compared = [
        comparison_facts(folder, row, index, pictures)
        for index, (folder, row) in enumerate(subjects.comparisons, 1)
    ]
    facts = [
        _measured(facts_of(run, name, pictures, device), run, compared)
        for name, run in subjects.runs.items()
    ]
    steps = {
        folder.root.resolve(): run.step
        for folder, run in zip(subjects.runs.values(), facts, strict=True)
    }
    names = dict.fromkeys(run.data_name for run in facts)
    known = {name: DATASETS[name] for name in names if name in DATASETS}
    material = Material(
        runs=facts,
        comparisons=[replace(each, stale=_stale(each, steps)) for each in compared],
        words=Words(language),
        cite=Citations(
            {f"data:{n}": Source("", "", d.citation, "", d.source) for n, d in known.items()}
        ),
        data_sources={n: {"license": d.license, "text": d.description} for n, d in known.items()},
        command=command,
    )
    sets = [{root for root in map(_root, each.row["entries"]) if root} for each in compared]
    return material, _uncompared(list(subjects.runs.values()), facts, sets)


def _measured(run: RunFacts, folder: RunFolder, compared: Sequence[ComparisonFacts]) -> RunFacts:
    """A run that was never evaluated alone has the scores of a comparison it stands in."""
    if run.evaluation is not None:
        return run
    entries = (entry for comparison in compared for entry in comparison.row["entries"])
    root = folder.root.resolve()
    entry = next((entry for entry in entries if _root(entry) == root), None)
    return run if entry is None else replace(run, evaluation=entry["evaluation"])


def _root(entry: Row) -> Path | None:
    """The folder of a compared run; None for weights or images."""
    return Path(entry["run"]["path"]).resolve() if entry.get("run") else None


def _stale(
    comparison: ComparisonFacts, steps: Mapping[Path, int | None]
) -> list[tuple[str, int, int]]:
    """Which entries were measured at another step than their runs are at, by the runs' folders."""
    found = []
    for entry in comparison.row["entries"]:
        root, old = _root(entry), entry["evaluation"].get("step")
        new = None if root is None else steps.get(root)
        if old is not None and new is not None and old != new:
            found.append((str(entry["label"]), old, new))
    return found


def _uncompared(
    folders: Sequence[RunFolder], facts: Sequence[RunFacts], compared: Sequence[set[Path]]
) -> list[tuple[str, str]]:
    """For each set of images: what compares the runs on it, or trains a second one to compare with.

    Nothing where two of its runs, or the only one, stand in a comparison; `compared` has each one's runs.
    """
    groups: dict[str, list[int]] = {}
    for index, run in enumerate(facts):
        images = f"{run.data_name} {run.environment.get('data', {}).get('size')}"
        groups.setdefault(images, []).append(index)
    found = []
    for group in groups.values():
        own = {folders[index].root.resolve() for index in group}
        if any(len(own & runs) >= min(2, len(own)) for runs in compared):
            continue
        if len(group) > 1:
            roots = [str(folders[index].root) for index in group]
            found.append(("comparison", shlex.join(["ddpm", "compare", *roots])))
        else:
            found.append(("baseline", _other_family(facts[group[0]])))
    return found


def _other_family(run: RunFacts) -> str:
    """What trains a DCGAN on the images of a diffusion run, or the other way round."""
    preset = str(run.config.get("preset"))
    kind = next((name for name in ("mnist", "anime") if name in preset), "folder")
    words = ["ddpm", "train", kind if run.gan else f"dcgan-{kind}"]
    return shlex.join(words + (["--data", run.data_name] if run.data_name != kind else []))
