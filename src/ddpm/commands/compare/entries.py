"""The entries of a comparison: opened, checked to be comparable, and labeled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ddpm.errors import RequestError
from ddpm.evaluation.image_sets import format_shape
from ddpm.files import check_writable, real_path
from ddpm.scoring.evaluation_request import DEFAULT_COUNT, EvaluationRequest
from ddpm.scoring.generated_images import (
    GeneratedImages,
    ModelSamples,
    describe_available,
    open_generated_images,
)
from ddpm.scoring.real_images import RealImages
from ddpm.scoring.scoring_setup import find_real_images

MAX_ENTRIES = 6  # the number of colors that can be told apart
STATISTICS_TOLERANCE = 0.01  # in [-1, 1]; weights without a run hold only their data's statistics


@dataclass(frozen=True)
class Entries:
    """Two to six sets of generated images with distinct labels, and the first model among them."""

    targets: Sequence[str]
    images: Sequence[GeneratedImages]
    labels: Sequence[str]
    base: ModelSamples | None

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape (C, H, W) of the first model's images, else of the first image files."""
        return self.images[0].shape((3,)) if self.base is None else self.base.shape(())

    def overrides_for(self, index: int, overrides: Sequence[str]) -> Sequence[str]:
        """Return the sampling overrides for a diffusion model; none for any other entry."""
        return overrides if _accepts_sampling_settings(self.images[index]) else ()

    def check_shape(self, wanted: Sequence[int]) -> None:
        """Raise RequestError if an entry's images have another shape than `wanted` (C, H, W)."""
        for label, images in zip(self.labels, self.images, strict=True):
            shape = images.shape(wanted)
            if tuple(shape) != tuple(wanted):
                raise RequestError(
                    f"The images of {label} are {format_shape(shape)}, the others "
                    f"{format_shape(wanted)}; compare images of one shape."
                )


def check_folder(out: Path, name: str) -> None:
    """Raise RequestError if `out` is a file, or if no file `name` can be written into it."""
    if out.exists() and not out.is_dir():
        raise RequestError(f"{out} is a file; pass a folder to --out.")
    check_writable(out / name)


def open_entries(
    targets: Sequence[str], overrides: Sequence[str], device: str, *, same_data: bool
) -> Entries:
    """Open runs, weights and images at the paths `targets`.

    RequestError if they cannot be compared: models must generate one shape, name no run twice and, with
    `same_data`, be trained on the same images.
    """
    if not 2 <= len(targets) <= MAX_ENTRIES:
        raise RequestError(
            f"A comparison takes 2 to {MAX_ENTRIES} runs, weights or sets of images, not "
            f"{len(targets)}; name them one after the other."
        )
    images = [_open(target, overrides, device) for target in targets]
    models = [entry for entry in images if isinstance(entry, ModelSamples)]
    _check_distinct_runs(models)
    if overrides and not any(map(_accepts_sampling_settings, images)):
        raise RequestError(
            "Sampling options apply to diffusion models, and none is given; leave the options out."
        )
    for other in models[1:]:
        _check_comparable(models[0], other, same_data)
    labels = unique_names([entry.name for entry in images])
    return Entries(targets, images, labels, models[0] if models else None)


def _open(target: str, overrides: Sequence[str], device: str) -> GeneratedImages:
    images = open_generated_images(target, (), device)
    if overrides and _accepts_sampling_settings(images):
        return open_generated_images(target, overrides, device)
    return images


def _accepts_sampling_settings(images: GeneratedImages) -> bool:
    opened = images.opened
    return opened is not None and opened.model.spec.config.has_reverse_process


def open_real_images(
    entries: Entries, reference: str | None, n: int, device: str = "auto"
) -> RealImages:
    """Return the images that `reference` names, else the first model's training images.

    RequestError if neither exists, or if an entry's images have another shape.
    """
    if reference is None and entries.base is None:
        raise RequestError(
            "Images alone do not say what to measure them against; name the real images with "
            "--reference."
        )
    images = entries.base or entries.images[0]
    request = EvaluationRequest(images.name, reference, n, device=device)
    real = find_real_images(request, images, n)
    entries.check_shape(real.reference.shape[1:])
    return real


def common_count(entries: Entries, requested: int | None) -> int:
    """Return the number of images to take from every entry: `requested`, else up to 1000."""
    for target, images in zip(entries.targets, entries.images, strict=True):
        available = images.available
        if requested is not None and available is not None and available < requested:
            raise RequestError(
                f"{target} holds only {describe_available(images)} images, fewer than the "
                f"{requested} requested; use -n {available}, or give more images."
            )
    counts = [images.available for images in entries.images]
    return requested or min([DEFAULT_COUNT, *(count for count in counts if count is not None)])


def unique_names(names: Sequence[str]) -> list[str]:
    """Return the names with ` (2)`, ` (3)` … appended to repeated ones."""
    unique: list[str] = []
    for name in names:
        candidate, number = name, 1
        while candidate in unique:
            number += 1
            candidate = f"{name} ({number})"
        unique.append(candidate)
    return unique


def _check_distinct_runs(models: Sequence[ModelSamples]) -> None:
    """Raise RequestError if one run is named twice, for example as `mnist` and `runs/mnist`."""
    runs = [model.opened.run for model in models]
    roots = [real_path(run.root) for run in runs if run is not None]
    for root in roots:
        if roots.count(root) > 1:
            raise RequestError(
                f"The run {root.name} is named twice; name it once. (NAME means runs/NAME if that "
                "exists; bundled:NAME means the weights in the package.)"
            )


def _check_comparable(first: ModelSamples, other: ModelSamples, same_data: bool) -> None:
    """Raise RequestError if two models generate different shapes or learned other images (`same_data`)."""
    one, two = (model.opened.model.spec for model in (first, other))
    if one.image_shape != two.image_shape:
        raise RequestError(
            f"The images of {first.name} are {format_shape(one.image_shape)}, those of {other.name} "
            f"{format_shape(two.image_shape)}; compare images of one shape."
        )
    hashes = [_content_hash(model) for model in (first, other)]
    statistics = zip((*one.data_mean, one.data_std), (*two.data_mean, two.data_std), strict=True)
    same = all(abs(a - b) < STATISTICS_TOLERANCE for a, b in statistics)
    if same_data and not (hashes[0] == hashes[1] if all(hashes) else same):
        raise RequestError(
            f"{other.name} was trained on other images than {first.name}; name the real images to "
            "measure both against with --reference."
        )


def _content_hash(model: ModelSamples) -> str | None:
    """Return the hash of a run's training images, if it is recorded."""
    run = model.opened.run
    value = None if run is None else run.load_environment().get("data", {}).get("content_hash")
    return value if isinstance(value, str) else None
