"""All that a report is made of, gathered from runs and comparisons; what is missing, with its command."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ddpm.config import load_config
from ddpm.data.catalogue import DATASETS
from ddpm.errors import RequestError
from ddpm.reporting.citations import Citations, Source
from ddpm.reporting.facts import ComparisonFacts, Material, Row, RunFacts
from ddpm.reporting.words import Words
from ddpm.runs import RunFolder
from ddpm.workflows.opening import find_run
from ddpm.workflows.report_facts import comparison_facts, facts_of, read_comparison, read_evaluation


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
    names = dict.fromkeys(run.data_name for run in facts)
    known = {name: DATASETS[name] for name in names if name in DATASETS}
    material = Material(
        runs=facts,
        comparisons=compared,
        words=Words(language),
        cite=Citations(
            {f"data:{n}": Source("", "", d.citation, "", d.source) for n, d in known.items()}
        ),
        data_sources={n: {"license": d.license, "text": d.description} for n, d in known.items()},
        command=command,
    )
    return material, [] if compared else _uncompared(list(subjects.runs.values()), facts)


def _measured(run: RunFacts, folder: RunFolder, compared: Sequence[ComparisonFacts]) -> RunFacts:
    """A run that was never evaluated alone has the scores of a comparison it stands in."""
    if run.evaluation is not None:
        return run
    entries = (entry for comparison in compared for entry in comparison.row["entries"])
    root = folder.root.resolve()
    own = (e for e in entries if e.get("run") and Path(e["run"]["path"]).resolve() == root)
    entry = next(own, None)
    return run if entry is None else replace(run, evaluation=entry["evaluation"])


def _uncompared(folders: Sequence[RunFolder], facts: Sequence[RunFacts]) -> list[tuple[str, str]]:
    """For each set of images: what compares the runs on it, or trains a second one to compare with."""
    groups: dict[str, list[int]] = {}
    for index, run in enumerate(facts):
        images = f"{run.data_name} {run.environment.get('data', {}).get('size')}"
        groups.setdefault(images, []).append(index)
    found = []
    for group in groups.values():
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
