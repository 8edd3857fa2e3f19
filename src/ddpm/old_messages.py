"""Messages from run files of older versions, which held English sentences instead of codes."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from string import Formatter
from typing import Any

from ddpm.messages import Message

# (code, sentence that older versions wrote); `{_}` matches text that the message drops.
SENTENCES = (
    ("test_files", "the test files"),
    ("heldout_by_hash", "{percent:g} % by content hash"),
    ("heldout_none", "none, all images are trained on (data.all_images)"),
    ("heldout_too_few", "none, fewer than {fewest:d} images"),
    ("half_of_training", "{count:d} training images, one half of them"),
    ("other_half_of_training", "{count:d} training images, the other half"),
    ("training_images", "{count:d} training images"),
    ("test_images", "{count:d} test images, none of them in the reference"),
    ("heldout_images", "{count:d} held-out images, none of them in the reference"),
    ("generator_pass", "one pass of the generator"),
    ("student_once", "student, 1 evaluation"),
    ("student", "student, {count:d} evaluations"),
    ("sampler_autoguided", "{sampler}, {steps:d} steps, guidance {guidance:g} away from {guide}"),
    ("sampler_guided", "{sampler}, {steps:d} steps, guidance {guidance:g}"),
    ("sampler", "{sampler}, {steps:d} steps"),
    ("network_requested", "as asked for"),
    ("network_digits", "the digit classifier is sure of {share:%} of the reference"),
    ("network_color", "the reference is in color; an encoder trained on it sees it best"),
    ("network_no_digits", "the reference holds no digits; an encoder trained on it sees it best"),
    ("n_available", "n is {n:d} instead of {usual:d}: there are only {_} images"),
    ("n_reference", "n lowered from {asked:d} to {n:d}: there are only {_} reference images"),
    ("n_floor", "n lowered from {asked:d} to {n:d}: there are only {_} real images outside it"),
    ("broken_image", "1 broken image is left out: {name} {reason}"),
    ("broken_images", "{count:d} broken images are left out: {name} {reason}, …"),
    ("images_changed", "the images at {path} have changed since the training"),
    ("heldout_trained_on", "the held-out images were trained on, too (data.all_images)"),
    ("likelihood_images", "{count:d} held-out images"),
    ("not_distinguishable", "not distinguishable at n={n:d}"),
    ("better_than", "{label} is better than {beaten}; not distinguishable from {level} at n={n:d}"),
    ("better", "{label} is better"),
    ("best", "{label} is best"),
    ("measured_once", "only {label} has it"),
    (
        "memorization_gap",
        "memorization begins: the loss on held-out images is {gap:%} above that on as many training "
        "images ({errors:g} standard errors). What helps: {_}",
    ),
    (
        "memorization_copies",
        "memorization begins: {share:%} of the images drawn are copies of training images {_}",
    ),
    (
        "generator_collapsed",
        "the generated images are nearly copies of one another (their diversity is {value:%} of the real "
        "images'){_}",
    ),
    (
        "discriminator_unfooled",
        "the discriminator is never fooled (it takes generated images for real with {value:%}){_}",
    ),
    ("default_changed", "{run} draws like this by default from now on"),
    ("default_kept", "{run} keeps its default; draw like this with: {command}"),
    ("default_command", "draw like this with: {command}"),
)
FIELDS = {  # fields of run files that held a sentence
    "held_out_reason", "drawn", "network_why", "what", "verdict", "warning", "default",
}  # fmt: skip


def _parse_count(text: str) -> int:
    return int(text.replace(",", ""))


def _parse_percent(text: str) -> float:
    return round(float(text) / 100, 6)


_VALUES: dict[str, tuple[str, Callable[[str], Any]]] = {  # format → pattern and parser
    "": (r".+?", str),
    "d": (r"[\d,]+", _parse_count),
    "g": (r"-?[\d.]+(?:e[+-]?\d+)?", float),
    "%": (r"-?[\d.]+", _parse_percent),
}


def parse_old_sentence(text: str) -> Message:
    """Return the message of an old sentence; an unknown sentence gets the code `text`."""
    for code, template in SENTENCES:
        pattern, parsers = _pattern(template)
        if found := re.fullmatch(pattern, text, re.DOTALL):
            return {"code": code, **{key: parsers[key](found[key]) for key in parsers}}
    return {"code": "text", "text": text}


@cache
def _pattern(template: str) -> tuple[str, dict[str, Callable[[str], Any]]]:
    """Return a regular expression for the sentences of `template`, and a parser for each value."""
    parts: list[str] = []
    parsers: dict[str, Callable[[str], Any]] = {}
    for literal, name, form, _ in Formatter().parse(template):
        parts.append(re.escape(literal))
        if name == "_":
            parts.append(".*")
        elif name is not None:
            pattern, parsers[name] = _VALUES[form or ""]
            parts.append(f"(?P<{name}>{pattern}){'%' if form == '%' else ''}")
    return "".join(parts), parsers


def upgrade_messages(found: Any) -> Any:
    """Return the content of a run file with old sentences replaced by messages."""
    if isinstance(found, list):
        return [upgrade_messages(item) for item in found]
    if not isinstance(found, dict):
        return found
    return dict(_upgraded_item(key, value) for key, value in found.items())


def _upgraded_item(key: str, value: Any) -> tuple[str, Any]:
    if key == "note" and isinstance(value, str):
        return "notes", [parse_old_sentence(note) for note in value.split("; ") if note]
    if key in FIELDS and isinstance(value, str):
        return key, parse_old_sentence(value)
    return key, upgrade_messages(value)
