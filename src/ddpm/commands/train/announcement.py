"""Announcement of a training run: the lines printed before it starts."""

from __future__ import annotations

from ddpm.data.dataset import Dataset
from ddpm.data.fitting import describe_fit
from ddpm.data.inspection import list_broken, list_other_files, list_unopened
from ddpm.data.value_range import describe_range
from ddpm.messages import sentence
from ddpm.models.base import GenerativeModel
from ddpm.runs import RunFolder
from ddpm.terminal import shorten
from ddpm.training.footprint import disk_space_note

_MAX_CLASSES, _MAX_NAME = 4, 30  # class names in a line, characters of each


def announcement(run: RunFolder, dataset: Dataset, model: GenerativeModel, step: int) -> list[str]:
    """Return the lines on the images, the model, the disk space and the steps.

    `step`: the last step before training starts or resumes.
    """
    training, report = model.spec.config.training, dataset.report
    parts = [f"{report['held_out']} held out" if report["held_out"] else "none held out"]
    parts += [f"{report['duplicate']} duplicate"] if report["duplicate"] else []
    parts += [f"{report['broken']} broken: {list_broken(report)}"] if report["broken"] else []
    parts += [f"not opened: {list_unopened(report)}"] if report["ignored"] else []
    parts += [f"not images: {list_other_files(report)}"] if report["skipped"] else []
    epochs = training.steps * training.batch_size / len(dataset.train)
    verb = f"resuming at step {step} of" if step else "training"
    notes = [
        *map(sentence, report["notes"]),
        describe_fit(report["fit"], report["size"]),
        describe_range(report["range"]),
    ]
    return [
        f"{report['used']} images {report['channels']}x{report['size']}, {', '.join(parts)}",
        *filter(None, notes),
        *(_labels_note(dataset, model) if step == 0 else []),
        *model.describe(),
        disk_space_note(model, run.root),
        f"{verb} {training.steps} steps of {training.batch_size} images ({epochs:.1f} epochs) in {run.root}",
    ]


def _labels_note(dataset: Dataset, model: GenerativeModel) -> list[str]:
    """Return a line on the classes of a data set: that they are learned, or could be; [] without a choice."""
    names, config = dataset.class_names, model.spec.config
    is_chosen = config.data.labels not in (False, "auto") or not config.family.learns_labels
    if len(names) < 2 or is_chosen:
        return []
    listed = ", ".join(shorten(name, _MAX_NAME) for name in names[:_MAX_CLASSES])
    more = ", …" if len(names) > _MAX_CLASSES else ""
    classes = f"{len(names)} classes ({listed}{more})"
    if config.data.labels:
        return [f"learns {classes}; without them: --set data.labels=false"]
    return [
        f"the images have {classes}, which are not learned; "
        "to learn them, train with --set data.labels=true"
    ]
