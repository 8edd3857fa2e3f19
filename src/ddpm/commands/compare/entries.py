"""What `ddpm compare` sets side by side: opened, checked to be comparable, named apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ddpm.errors import RequestError
from ddpm.evaluation.image_sets import format_shape
from ddpm.files import check_writable
from ddpm.scoring.generated_images import (
    GeneratedImages,
    ModelSamples,
    describe_available,
    open_generated_images,
)
from ddpm.scoring.measurement import DEFAULT_COUNT, EvaluationRequest, find_real_images
from ddpm.scoring.real_images import RealImages

MAX_ENTRIES = 6  # entries: as many colors can be told apart
STATISTICS_TOLERANCE = (
    0.01  # of 2, the range of a pixel: weights without a run know only their data's statistics
)


@dataclass(frozen=True)
class Entries:
    """Two to six subjects, the names they go by (all different), and the first model among them."""

    targets: Sequence[str]
    subjects: Sequence[GeneratedImages]
    labels: Sequence[str]
    base: ModelSamples | None

    @property
    def shape(self) -> tuple[int, ...]:
        """C, H, W that a model draws, else that the first files hold."""
        return self.subjects[0].shape((3,)) if self.base is None else self.base.shape(())

    def overrides_for(self, index: int, overrides: Sequence[str]) -> Sequence[str]:
        """Sampling settings are for diffusion models; all else is drawn as it is."""
        return overrides if _accepts_sampling_settings(self.subjects[index]) else ()

    def check_shape(self, wanted: Sequence[int]) -> None:
        """RequestError where an entry has images of another shape than `wanted`, C, H, W."""
        for label, subject in zip(self.labels, self.subjects, strict=True):
            found = subject.shape(wanted)
            if tuple(found) != tuple(wanted):
                raise RequestError(
                    f"The images of {label} are {format_shape(found)}, but the others "
                    f"{format_shape(wanted)}; only images of one shape can be compared."
                )


def check_folder(out: Path, name: str) -> None:
    """RequestError where `out` is a file, or no file `name` can be written into it."""
    if out.exists() and not out.is_dir():
        raise RequestError(f"{out} is a file; --out needs the name of a folder.")
    check_writable(out / name)


def open_entries(
    targets: Sequence[str], overrides: Sequence[str], device: str, *, same_data: bool
) -> Entries:
    """Runs, weights and images at the paths `targets`; RequestError where they cannot be compared.

    Models must draw one shape, be no run twice and, with `same_data`, have seen the same images.
    """
    if not 2 <= len(targets) <= MAX_ENTRIES:
        raise RequestError(
            f"A comparison takes 2 to {MAX_ENTRIES} runs, weights or sets of images, not {len(targets)}; "
            "name them one after the other."
        )
    subjects = [_open(target, overrides, device) for target in targets]
    models = [subject for subject in subjects if isinstance(subject, ModelSamples)]
    _check_distinct_runs(models)
    if overrides and not any(map(_accepts_sampling_settings, subjects)):
        raise RequestError("None of these is a diffusion model; options of sampling are for those.")
    for other in models[1:]:
        _check_comparable(models[0], other, same_data)
    labels = unique_names([subject.name for subject in subjects])
    return Entries(targets, subjects, labels, models[0] if models else None)


def _open(target: str, overrides: Sequence[str], device: str) -> GeneratedImages:
    subject = open_generated_images(target, (), device)
    if overrides and _accepts_sampling_settings(subject):
        return open_generated_images(target, overrides, device)
    return subject


def _accepts_sampling_settings(subject: GeneratedImages) -> bool:
    if not isinstance(subject, ModelSamples):
        return False
    return subject.opened.model.spec.config.has_reverse_process


def open_real_images(
    entrants: Entries, reference: str | None, n: int, device: str = "auto"
) -> RealImages:
    """The real images for all: what `reference` names, else those the first model was trained on.

    RequestError where there are neither, or an entry's images are of another shape.
    """
    if reference is None and entrants.base is None:
        raise RequestError(
            "What are these images to be measured against? Name the real images with --reference."
        )
    subject = entrants.base or entrants.subjects[0]
    request = EvaluationRequest(subject.name, reference, n, device=device)
    real = find_real_images(request, subject, n)
    entrants.check_shape(real.reference.shape[1:])
    return real


def common_count(entrants: Entries, asked: int | None) -> int:
    """How many images every entry can give: as many as asked for, else 1000 or what there are."""
    for target, subject in zip(entrants.targets, entrants.subjects, strict=True):
        available = subject.available
        if asked is not None and available is not None and available < asked:
            raise RequestError(
                f"{asked} images of each were asked for, but {target} holds only "
                f"{describe_available(subject)}; use -n {available}, or give more images."
            )
    known = [subject.available for subject in entrants.subjects]
    return asked or min([DEFAULT_COUNT, *(count for count in known if count is not None)])


def unique_names(names: Sequence[str]) -> list[str]:
    """The same names, a second one of the same called `name (2)` and so on."""
    unique: list[str] = []
    for name in names:
        tried, number = name, 1
        while tried in unique:
            number += 1
            tried = f"{name} ({number})"
        unique.append(tried)
    return unique


def _check_distinct_runs(models: Sequence[ModelSamples]) -> None:
    """RequestError where one run is named twice, as by `mnist` beside `runs/mnist`."""
    runs = [model.opened.run for model in models]
    roots = [run.root.resolve() for run in runs if run is not None]
    for root in roots:
        if roots.count(root) > 1:
            raise RequestError(
                f"The run {root.name} is named twice; name each once (a bare NAME is runs/NAME where that "
                "exists, bundled:NAME the weights in the package)."
            )


def _check_comparable(first: ModelSamples, other: ModelSamples, same_data: bool) -> None:
    """RequestError unless both models draw one shape and, with `same_data`, learned one set."""
    one, two = (model.opened.model.spec for model in (first, other))
    if one.image_shape != two.image_shape:
        raise RequestError(
            f"The images of {first.name} are {format_shape(one.image_shape)}, those of {other.name} "
            f"{format_shape(two.image_shape)}; only images of one shape can be compared."
        )
    hashes = [_content_hash(model) for model in (first, other)]
    statistics = zip((*one.data_mean, one.data_std), (*two.data_mean, two.data_std), strict=True)
    same = all(abs(a - b) < STATISTICS_TOLERANCE for a, b in statistics)
    if same_data and not (hashes[0] == hashes[1] if all(hashes) else same):
        raise RequestError(
            f"The images that {other.name} was trained on are not those of {first.name}; name the real "
            "images that both should be measured against with --reference."
        )


def _content_hash(model: ModelSamples) -> str | None:
    run = model.opened.run
    found = None if run is None else run.load_environment().get("data", {}).get("content_hash")
    return found if isinstance(found, str) else None
