"""`ddpm doctor`: what is wrong with a configuration or a run, each with its mend. Nothing is written."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from ddpm.commands.doctor.case import Case, Finding
from ddpm.commands.doctor.rules import findings
from ddpm.config import Config
from ddpm.data.dataset import Dataset
from ddpm.device import pick_device, resolve_precision
from ddpm.loading.offline import cached_dataset, count_images
from ddpm.loading.targets import Target, TargetRequest, read_target
from ddpm.runs import read_metrics


@dataclass(frozen=True)
class Diagnosis:
    """What was looked at, and what was found, the worst first."""

    origin: str
    found: list[Finding]

    @property
    def serious(self) -> bool:
        """Whether the images will be wrong or poor."""
        return any(finding.severity == "serious" for finding in self.found)

    def row(self) -> dict[str, Any]:
        """Plain values."""
        return {"target": self.origin, "findings": [finding._asdict() for finding in self.found]}


def diagnose(asked: TargetRequest) -> Diagnosis:
    """Look at a run, a configuration file or a preset; RequestError where there is none."""
    target = read_target(asked, runs_first=True)
    return Diagnosis(target.origin, findings(_case(target, asked.device)))


def words(diagnosis: Diagnosis) -> str:
    """Each finding as what, mend and why; one line where there is none."""
    if not diagnosis.found:
        return f"{diagnosis.origin}: nothing to mend"
    lines = [f"{diagnosis.origin}:"]
    for finding in diagnosis.found:
        mark = "serious" if finding.severity == "serious" else "note   "
        lines += [f"{mark}  {finding.words}", f"  mend   {finding.mend}", f"  why    {finding.why}"]
    return "\n".join(lines)


def _case(target: Target, device: str) -> Case:
    """What is known of the target, from its run's files, else from the cache."""
    config, run = target.config, target.run
    dataset = cached_dataset(config)
    recorded = run.load_environment().get("data", {}) if run is not None else {}
    data = recorded or ({} if dataset is None else dataset.report)
    images = data.get("used") or count_images(config)[0]
    wants_bf16 = config.training.precision == "bf16"
    return Case(
        config=config,
        steps=_steps(target, images),
        images=images,
        data=data,
        class_names=None if dataset is None else dataset.class_names,
        duplicates=_duplicates(config, dataset),
        rows=[] if run is None else read_metrics(run.metrics),
        half=target.half,
        emulated=wants_bf16 and resolve_precision("auto", pick_device(device)) != "bf16",
    )


def _steps(target: Target, images: int | None) -> int | None:
    """The total; None where minutes decide it, or epochs of an unknown number of images."""
    training = target.config.training
    if target.run is not None or not (training.minutes or training.epochs):
        return training.steps
    if training.minutes or images is None:
        return None
    return math.ceil(training.epochs * images / training.batch_size)


def _duplicates(config: Config, dataset: Dataset | None) -> int | None:
    """Exact copies in the set, also where the configuration keeps them and its report counts none."""
    if dataset is None or not config.data.all_images:
        return None if dataset is None else dataset.report["duplicate"]
    counting = replace(config, data=replace(config.data, all_images=False))
    whole = cached_dataset(counting)
    return None if whole is None else whole.report["duplicate"]
