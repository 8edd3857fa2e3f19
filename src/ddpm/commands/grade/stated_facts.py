"""Facts that a hand-in states: its training (configurations and readme) and its cited sources."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from ddpm.commands.bundle import README, SETS, SIDES, SOURCE
from ddpm.config import Config, config_from_dict
from ddpm.errors import RequestError
from ddpm.files import parse_json
from ddpm.runs import RunFolder

_README_RUN = re.compile(
    r"^(?P<run>[^\n:]{1,80}): [A-Z]+, preset [^\n,]+, (?P<steps>\d+) steps of (?P<batch>\d+) images"
    r"(?:, (?P<minutes>[\d.]+) minutes)?$",
    re.MULTILINE,
)
_CONFIG = RunFolder(Path("run")).config.name
_TEXTS = (".txt", ".md", ".ipynb", ".py", ".bib", ".tex")
_PACKAGE = f"{SOURCE}/ddpm/"  # its citations are not the student's
_MAX_TEXT = 4 << 20  # bytes of a file, or of an unpacked part of a PDF, that are searched
SOURCES = {  # what a hand-in has to name → how it may be named
    "the method": re.compile(
        rb"2006\.11239|denoising diffusion probabilistic|\bHo,? (?:et al|A\. Jain)|\bho2020", re.I
    ),
    "the images": re.compile(
        rb"lecun|yann|ossci-datasets|kaggle|huggingface\.co|splcher|soumikrakshit", re.I
    ),
}


def training_facts(files: Mapping[str, bytes]) -> dict[str, dict[str, Any]]:
    """Return steps, batch size, images seen, minutes and preset of the run on each data set.

    They are what the files say: nothing of it is verified. A data set without a configuration is left out.
    """
    minutes = {found["run"]: found["minutes"] for found in _readme_runs(files)}
    facts: dict[str, dict[str, Any]] = {}
    for name, content in sorted(files.items()):
        path = PurePosixPath(name)
        config = _config(content) if path.name == _CONFIG else None
        images = None if config is None else _images_of(path.parent.name, config)
        if config is None or images is None or images in facts:
            continue
        training, stated = config.training, minutes.get(path.parent.name)
        facts[images] = {
            "preset": config.preset,
            "steps": training.steps,
            "batch_size": training.batch_size,
            "images_seen": training.steps * training.batch_size,
            "minutes": float(stated) if stated else None,
        }
    return facts


def _readme_runs(files: Mapping[str, bytes]) -> Iterator[re.Match[str]]:
    text = files.get(README, b"")[:_MAX_TEXT].decode("utf-8", "replace")
    yield from _README_RUN.finditer(text)


def _config(content: bytes) -> Config | None:
    try:
        return config_from_dict(parse_json(content[:_MAX_TEXT].decode("utf-8")))
    except (RequestError, ValueError, TypeError, AttributeError, KeyError):
        return None


def _images_of(run: str, config: Config) -> str | None:
    """Return the data set of a run of a diffusion model: by its name in the hand-in, else by its size."""
    if not config.has_reverse_process:
        return None
    if run in SETS:
        return run
    size = str(config.data.size).split("x")[0]
    return next((name for name, side in SIDES.items() if size == str(side)), None)


def cited_sources(files: Mapping[str, bytes], report: str) -> tuple[str, str]:
    """Return a state and its evidence: whether the method and the images have a named source.

    `report`: the name of the PDF. What its fonts hide cannot be read, so a source that is found nowhere is
    not verifiable where there is a report, and wrong where there is none.
    """
    places = {name: content for name, content in files.items() if _is_text(name)}
    if report in files:
        places[report] = b"\n".join(pdf_parts(files[report]))
    found: list[str] = []
    missing: list[str] = []
    for what, pattern in SOURCES.items():
        place = next(
            (name for name, text in places.items() if pattern.search(text[:_MAX_TEXT])), None
        )
        (missing if place is None else found).append(
            what if place is None else f"{what} in {place}"
        )
    named = f"names {', '.join(found)}" if found else "names no source"
    if not missing:
        return "right", named
    lacking = f"{named}; {' and '.join(missing)} not found"
    if report in files:
        return "not verifiable", f"{lacking} in text that can be read; look into {report}"
    return "wrong", lacking


def _is_text(name: str) -> bool:
    suffix = PurePosixPath(name).suffix.lower()
    return suffix in _TEXTS and not name.startswith(_PACKAGE)


def pdf_parts(content: bytes) -> Iterator[bytes]:
    """Yield a PDF and its streams unpacked, as far as they are Flate streams within limits."""
    yield content[:_MAX_TEXT]
    left = 8 * _MAX_TEXT
    for match in re.finditer(rb"stream\r?\n", content):
        try:
            part = zlib.decompressobj().decompress(
                content[match.end() :][: 2 * _MAX_TEXT], _MAX_TEXT
            )
        except zlib.error:
            continue
        left -= len(part)
        if left < 0:
            return
        yield part
