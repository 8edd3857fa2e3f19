"""The runs and comparisons that a report is written from, and the data it shows of them."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ddpm.commands.report.pictures import PictureFolder
from ddpm.commands.report.report_data import ReportData, ReportedComparison, ReportedRun, Row
from ddpm.commands.report.reported_run import (
    copy_comparison,
    read_comparison,
    read_evaluation,
    read_run,
    slug,
)
from ddpm.commands.report.words.languages import Words
from ddpm.config import load_config
from ddpm.data.catalogue import DATASETS
from ddpm.documents.citations import Citations, Source
from ddpm.errors import RequestError
from ddpm.files import real_path, unused_name
from ddpm.runs import RunFolder, find_run


@dataclass(frozen=True)
class ReportInputs:
    """The runs of a report by name, and the comparisons with their folders. All files can be read."""

    runs: dict[str, RunFolder]
    comparisons: Sequence[tuple[Path, Row]]

    @property
    def configs(self) -> list[Path]:
        return [run.config for run in self.runs.values()]


def open_inputs(targets: Sequence[str], comparisons: Sequence[Path]) -> ReportInputs:
    """Open runs and comparisons; RequestError if one does not exist or is damaged."""
    return ReportInputs(
        _runs_by_name(targets), [(folder, read_comparison(folder)) for folder in comparisons]
    )


def _runs_by_name(targets: Sequence[str]) -> dict[str, RunFolder]:
    """Return the runs by unique names; RequestError if one does not exist."""
    runs: dict[str, RunFolder] = {}
    for target in targets:
        run = find_run(target)
        if run is None:
            raise RequestError(
                f"{target} is not a run folder; pass a folder created by ddpm train."
            )
        name = run.root.name if run.root.name not in ("", "..") else real_path(run.root).name
        if any(real_path(run.root) == real_path(other.root) for other in runs.values()):
            continue
        runs[unused_name(name, runs)] = run
        load_config(run.config)
        read_evaluation(run.evaluation)
    return runs


def collect_data(
    inputs: ReportInputs, pictures: Path, language: str, command: str, device: str
) -> tuple[ReportData, list[tuple[str, str]]]:
    """Return the data of the report and the missing comparisons; draw its pictures into `pictures`."""
    compared = [
        copy_comparison(folder, row, index, pictures)
        for index, (folder, row) in enumerate(inputs.comparisons, 1)
    ]
    places = _picture_folders(pictures, list(inputs.runs))
    facts = [
        _with_scores(read_run(run, name, places[name], device), run, compared)
        for name, run in inputs.runs.items()
    ]
    steps = {
        real_path(folder.root): run.step
        for folder, run in zip(inputs.runs.values(), facts, strict=True)
    }
    names = dict.fromkeys(run.data_name for run in facts)
    known = {name: DATASETS[name] for name in names if name in DATASETS}
    report = ReportData(
        runs=facts,
        comparisons=[
            replace(each, stale=_stale(each, steps), all_reported=_roots(each) <= set(steps))
            for each in compared
        ],
        words=Words(language),
        cite=Citations(
            {f"data:{n}": Source("", "", d.citation, "", d.source) for n, d in known.items()}
        ),
        data_sources={n: {"license": d.license, "text": d.description} for n, d in known.items()},
        command=command,
    )
    sets = [{root for root in _roots(each) if root} for each in compared]
    return report, _uncompared(list(inputs.runs.values()), facts, sets)


def _picture_folders(pictures: Path, names: Sequence[str]) -> dict[str, PictureFolder]:
    """Return the places of the pictures of each run, whose file names begin differently."""
    prefixes: list[str] = []
    for name in names:
        prefixes.append(unused_name(slug(name), prefixes))
    return {
        name: PictureFolder(pictures, f"{prefix}-")
        for name, prefix in zip(names, prefixes, strict=True)
    }


def _roots(comparison: ReportedComparison) -> set[Path | None]:
    """Return the folders of the compared runs, and None if there is an entry that is no run."""
    return {_root(entry) for entry in comparison.row["entries"]}


def _with_scores(
    run: ReportedRun, folder: RunFolder, compared: Sequence[ReportedComparison]
) -> ReportedRun:
    """Return a run with the scores of a comparison that includes it, if it has none of its own."""
    if run.evaluation is not None:
        return run
    entries = (entry for comparison in compared for entry in comparison.row["entries"])
    root = real_path(folder.root)
    entry = next((entry for entry in entries if _root(entry) == root), None)
    return run if entry is None else replace(run, evaluation=entry["evaluation"])


def _root(entry: Row) -> Path | None:
    """Return the folder of a compared run; None for weights or images."""
    return real_path(Path(entry["run"]["path"])) if entry.get("run") else None


def _stale(
    comparison: ReportedComparison, steps: Mapping[Path, int | None]
) -> list[tuple[str, int, int]]:
    """Return the entries that were measured at another step than their run has now: label, then, now."""
    found = []
    for entry in comparison.row["entries"]:
        root, old = _root(entry), entry["evaluation"].get("step")
        new = None if root is None else steps.get(root)
        if old is not None and new is not None and old != new:
            found.append((str(entry["label"]), old, new))
    return found


def _uncompared(
    folders: Sequence[RunFolder], facts: Sequence[ReportedRun], compared: Sequence[set[Path]]
) -> list[tuple[str, str]]:
    """Return for each data set the command that compares its runs, or trains a second one to compare with.

    A data set is left out if a comparison includes two of its runs, or its only one. `compared` holds the
    runs of each comparison.
    """
    groups: dict[str, list[int]] = {}
    for index, run in enumerate(facts):
        images = f"{run.data_name} {run.environment.get('data', {}).get('size')}"
        groups.setdefault(images, []).append(index)
    found = []
    for group in groups.values():
        own = {real_path(folders[index].root) for index in group}
        if any(len(own & runs) >= min(2, len(own)) for runs in compared):
            continue
        if len(group) > 1:
            roots = [str(folders[index].root) for index in group]
            found.append(("comparison", shlex.join(["ddpm", "compare", *roots])))
        else:
            found.append(("baseline", _other_family(facts[group[0]])))
    return found


def _other_family(run: ReportedRun) -> str:
    """Return the command that trains a DCGAN on the images of a diffusion run, or vice versa."""
    preset = str(run.config.get("preset"))
    kind = next((name for name in ("mnist", "anime") if name in preset), "folder")
    words = ["ddpm", "train", kind if run.gan else f"dcgan-{kind}"]
    return shlex.join(words + (["--data", run.data_name] if run.data_name != kind else []))
