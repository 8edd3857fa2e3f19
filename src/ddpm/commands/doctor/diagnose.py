"""Diagnosis of a configuration or a run: findings, each with its fix."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from ddpm.commands.doctor.case import Case, Finding
from ddpm.commands.doctor.rules import run_rules
from ddpm.commands.verb_function import takes_fields
from ddpm.config import Config
from ddpm.data.dataset import Dataset
from ddpm.device import pick_device, resolve_precision
from ddpm.loading.offline import cached_dataset, count_images
from ddpm.loading.targets import Target, TargetRequest, read_target
from ddpm.runs import read_metrics


@dataclass(frozen=True)
class Diagnosis:
    """Findings about one configuration or run, the serious ones first."""

    origin: str  # what was checked, in words
    findings: list[Finding]

    @property
    def serious(self) -> bool:
        """Whether any finding makes the images wrong or poor."""
        return any(finding.severity == "serious" for finding in self.findings)

    def row(self) -> dict[str, Any]:
        """Return plain values."""
        return {"target": self.origin, "findings": [finding.row() for finding in self.findings]}


@takes_fields(TargetRequest)
def diagnose(request: TargetRequest) -> Diagnosis:
    """Check a run, a configuration file or a preset and return the findings. Nothing is written.

    RequestError if there is no such target.

    >>> found = ddpm.doctor("digits", overrides=["training.learning_rate=0.5"])
    >>> found.serious, found.findings[0].fix
    (True, '--set training.learning_rate=0.0053')
    """
    target = read_target(request, runs_first=True)
    return Diagnosis(target.origin, run_rules(_case(target, request.device)))


def diagnosis_text(diagnosis: Diagnosis) -> str:
    """Return each finding with its fix and reason, or one line if there is none."""
    if not diagnosis.findings:
        return f"{diagnosis.origin}: nothing to fix"
    lines = [f"{diagnosis.origin}:"]
    for finding in diagnosis.findings:
        mark = "serious" if finding.severity == "serious" else "note   "
        lines += [
            f"{mark}  {finding.problem}",
            f"  fix    {finding.fix}",
            f"  why    {finding.reason}",
        ]
    return "\n".join(lines)


def _case(target: Target, device: str) -> Case:
    """Return the facts known about the target, from its run's files or from the cache."""
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
        requests_fp16=target.requests_fp16,
        emulates_bf16=wants_bf16 and resolve_precision("auto", pick_device(device)) != "bf16",
    )


def _steps(target: Target, images: int | None) -> int | None:
    """Return the total steps; None if minutes decide it, or epochs of an unknown number of images."""
    training = target.config.training
    if target.run is not None or not (training.minutes or training.epochs):
        return training.steps
    if training.minutes or images is None:
        return None
    return math.ceil(training.epochs * images / training.batch_size)


def _duplicates(config: Config, dataset: Dataset | None) -> int | None:
    """Count exact copies in the data set. A report does not count copies that are kept."""
    if dataset is None or not config.data.all_images:
        return None if dataset is None else dataset.report["duplicate"]
    counting = replace(config, data=replace(config.data, all_images=False))
    whole = cached_dataset(counting)
    return None if whole is None else whole.report["duplicate"]
