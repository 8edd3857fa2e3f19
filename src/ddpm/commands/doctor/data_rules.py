"""Rules on the images, and on what a configuration does with them."""

from __future__ import annotations

import re
from pathlib import PurePath

from ddpm.commands.doctor.case import Case, Finding
from ddpm.training.memorization import expects_copies

# In the names of sets of digits and letters, but not in those of digital-art or fontaine-faces.
WRITING = re.compile(
    r"mnist|kanji|hangul|digits?(?![a-z])|(?<![a-z])(letter|font|glyph)s?(?![a-z])"
)
MANY_IMAGES = 50_000


def flips_on_writing(case: Case) -> Finding | None:
    data = case.config.data
    told = [name for name in data.transforms if name.endswith("flip") and data.augment]
    if not data.flip and not told:
        return None
    name = PurePath(data.path).stem.lower()
    named = WRITING.search(name) is not None and "fashion" not in name
    classes = case.class_names or ()
    signs = len(classes) > 1 and all(len(c) == 1 and c.isalnum() for c in classes)
    if not named and not (signs and case.data.get("channels") == 1):
        return None
    return Finding(
        "serious" if named else "note",
        f"Images of {name} are mirrored."
        if named
        else f"Images are mirrored whose classes are called {', '.join(classes[:3])}, …",
        "--set data.flip=false"
        + (f", and {', '.join(told)} out of data.transforms" if told else ""),
        "A mirrored 2 is no digit, and the model learns to draw it. Faces may be flipped, writing never.",
    )


def grey_in_color(case: Case) -> Finding | None:
    mean, std = case.data.get("mean", []), case.data.get("std", [])
    if len(mean) != 3 or len(set(mean)) > 1 or len(set(std)) > 1:
        return None
    return Finding(
        "serious",
        "All images are grey, but are trained on in three channels.",
        "--set data.channels=1",
        "The model has to learn that red, green and blue agree, and where it fails, images are tinted.",
    )


def duplicates(case: Case) -> Finding | None:
    given, copies = case.data.get("given"), case.duplicates
    if not given or not copies or copies < (0.01 if case.config.data.all_images else 0.05) * given:
        return None
    if case.config.data.all_images:
        return Finding(
            "serious",
            f"{copies:,} of {given:,} images are exact copies of others and are trained on.",
            "--set data.all_images=false (without --all-images)",
            "What is seen more often is learned by heart sooner, and counts as many epochs as copies.",
        )
    return Finding(
        "note",
        f"{copies:,} of {given:,} images are exact copies of others; they are left out.",
        "ddpm data inspect, then a set without them",
        f"The set holds {given - copies:,} images only: choose steps and network for that many.",
    )


def batch_exceeds_data(case: Case) -> Finding | None:
    if not case.images or case.training.batch_size <= case.images:
        return None
    return Finding(
        "note",
        f"A batch of {case.training.batch_size} holds each of the {case.images} images more than once.",
        f"--set training.batch_size={max(2, case.images // 2)}",
        "The repeated images cost time and teach nothing new.",
    )


def many_passes(case: Case) -> Finding | None:
    passes, data = case.passes, case.config.data
    if not case.diffusion or passes is None or not expects_copies(case.config, passes):
        return None
    return Finding(
        "note",
        f"{passes:,.0f} passes over {case.images:,} images without dropout or "
        f"{'more augmentation than mirroring' if data.flip else 'augmentation'}.",
        "--set network.dropout=0.1"
        + ("" if data.flip else ", --set data.flip=true where mirrored images are as good"),
        "Learning by heart sets in after so many passes, whatever the set's size (Bonnaire et al. 2025).",
    )


def idle_dropout(case: Case) -> Finding | None:
    passes = case.passes
    if not case.config.network.dropout or passes is None or passes >= 50:
        return None
    if not case.images or case.images < MANY_IMAGES:
        return None
    return Finding(
        "note",
        f"Dropout of {case.config.network.dropout:g} with {case.images:,} images and {passes:.0f} passes.",
        "--set network.dropout=0",
        "It guards against learning by heart, which so many images do by themselves; here it costs quality.",
    )


def broken_files(case: Case) -> Finding | None:
    given, broken = case.data.get("given"), case.data.get("broken")
    if not given or not broken or broken < 0.05 * given:
        return None
    return Finding(
        "note",
        f"{broken:,} of {given:,} files are broken and left out.",
        "ddpm data inspect names them; copy the set again",
        "So many point to a copy that was cut short.",
    )
