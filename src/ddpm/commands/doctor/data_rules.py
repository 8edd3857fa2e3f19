"""Rules on the images and their augmentation."""

from __future__ import annotations

import re
from pathlib import PurePath

from ddpm.commands.doctor.case import Case, Finding
from ddpm.training.memorization import expects_copies

# Matches names of data sets of digits and letters, but not digital-art or fontaine-faces.
WRITING = re.compile(
    r"mnist|kanji|hangul|digits?(?![a-z])|(?<![a-z])(letter|font|glyph)s?(?![a-z])"
)
MANY_IMAGES = 50_000
MUCH_ENLARGED, MUCH_CROPPED = 1.5, 0.25  # factor per side; share of the area
SOME_CHANGED, MOST_CHANGED = 0.02, 0.5  # share of the images


def mirrored_writing(case: Case) -> Finding | None:
    data = case.config.data
    flips = [name for name in data.transforms if name.endswith("flip") and data.augment]
    if not data.flip and not flips:
        return None
    name = PurePath(data.path).stem.lower()
    named = WRITING.search(name) is not None and "fashion" not in name
    classes = case.class_names or ()
    characters = len(classes) > 1 and all(len(c) == 1 and c.isalnum() for c in classes)
    if not named and not (characters and case.data.get("channels") == 1):
        return None
    return Finding(
        "serious" if named else "note",
        f"Images of {name} are mirrored."
        if named
        else f"Images of the classes {', '.join(classes[:3])}, … are mirrored.",
        "--set data.flip=false"
        + (f", and take {', '.join(flips)} out of data.transforms" if flips else ""),
        "A mirrored 2 is not a digit, but the model learns to generate it. Mirror faces, never writing.",
    )


def gray_images_in_color(case: Case) -> Finding | None:
    mean, std = case.data.get("mean", []), case.data.get("std", [])
    if len(mean) != 3 or len(set(mean)) > 1 or len(set(std)) > 1:
        return None
    return Finding(
        "serious",
        "All images are gray, but training uses three channels.",
        "--set data.channels=1",
        "The model has to learn that red, green and blue are equal. Where it fails, images are tinted.",
    )


def little_contrast(case: Case) -> Finding | None:
    facts = case.data.get("range")
    if not facts or facts["stretched"]:
        return None
    return Finding(
        "serious",
        f"The pixel values are {facts['low']} to {facts['high']} of 0 to {facts['full']}.",
        "--set data.range=auto, in a new run",
        "The model learns images with little contrast, nearly black ones if the values are low.",
    )


def resized_images(case: Case) -> Finding | None:
    fit = case.data.get("fit")
    if not isinstance(fit, dict) or not fit.get("images"):
        return None
    images = fit["images"]
    enlarged = fit["enlarged"] if fit["enlarged_by"] >= MUCH_ENLARGED else 0
    cropped = fit["cropped"] if fit["cropped_by"] >= MUCH_CROPPED else 0
    changed = max(enlarged, cropped)
    if changed < SOME_CHANGED * images:
        return None
    size = case.data.get("size", case.config.data.size)
    parts = [f"{enlarged:,} are enlarged up to {fit['enlarged_by']:.3g} times"] if enlarged else []
    parts += [f"{cropped:,} lose up to {fit['cropped_by']:.0%} of their area"] if cropped else []
    return Finding(
        "serious" if changed >= MOST_CHANGED * images else "note",
        f"Of {images:,} images brought to {size}, {' and '.join(parts)}.",
        f"--set data.size=HxW in the shape of most images (most frequent: {fit['common']}), or leave "
        "out the others",
        "Enlarged images teach blur, and what lies outside of the central crop is never learned.",
    )


def duplicates(case: Case) -> Finding | None:
    given, copies = case.data.get("given"), case.duplicates
    if not given or not copies or copies < (0.01 if case.config.data.all_images else 0.05) * given:
        return None
    if case.config.data.all_images:
        return Finding(
            "serious",
            f"{copies:,} of {given:,} images are exact copies of others, and training uses them.",
            "--set data.all_images=false (without --all-images)",
            "Images that are seen more often are memorized sooner.",
        )
    return Finding(
        "note",
        f"{copies:,} of {given:,} images are exact copies of others; they are left out.",
        "use a data set without copies (ddpm data inspect shows them)",
        f"The data set has only {given - copies:,} images: choose steps and network for that many.",
    )


def batch_exceeds_data(case: Case) -> Finding | None:
    if not case.images or case.training.batch_size <= case.images:
        return None
    return Finding(
        "note",
        f"A batch of {case.training.batch_size} is larger than the training set of {case.images} images.",
        f"--set training.batch_size={max(2, case.images // 2)}",
        "Images repeated within a batch cost time and add no information.",
    )


def many_passes(case: Case) -> Finding | None:
    passes, data = case.passes, case.config.data
    if not case.is_diffusion or passes is None or not expects_copies(case.config, passes):
        return None
    return Finding(
        "note",
        f"{passes:,.0f} passes over {case.images:,} images without dropout or "
        f"{'more augmentation than mirroring' if data.flip else 'augmentation'}.",
        "--set network.dropout=0.1"
        + ("" if data.flip else ", and --set data.flip=true if mirrored images look real"),
        "Memorization begins after that many passes, at any data set size (Bonnaire et al. 2025).",
    )


def needless_dropout(case: Case) -> Finding | None:
    passes = case.passes
    if not case.config.network.dropout or passes is None or passes >= 50:
        return None
    if not case.images or case.images < MANY_IMAGES:
        return None
    return Finding(
        "note",
        f"Dropout of {case.config.network.dropout:g} with {case.images:,} images and {passes:.0f} passes.",
        "--set network.dropout=0",
        "Dropout prevents memorization, which does not happen with this many images; here it costs quality.",
    )


def broken_files(case: Case) -> Finding | None:
    given, broken = case.data.get("given"), case.data.get("broken")
    if not given or not broken or broken < 0.05 * given:
        return None
    return Finding(
        "note",
        f"{broken:,} of {given:,} files are broken and left out.",
        "copy the data set again (ddpm data inspect names the files)",
        "This many broken files suggest an incomplete copy.",
    )
