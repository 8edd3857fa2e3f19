"""`ddpm compare --blind`: a shuffled sheet for judging by eye, forms to fill in, a sealed key."""

from __future__ import annotations

import random
import secrets
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ddpm.commands.compare.entries import Entries, check_folder, open_entries, open_real_images
from ddpm.commands.compare.forms import PAIRS, SHEET, pair_form, picture_form
from ddpm.commands.compare.sealed_key import HASH_DIGITS, seal
from ddpm.errors import RequestError
from ddpm.evaluation.image_sets import choose_indices
from ddpm.files import write_json, write_text
from ddpm.scoring.generated_images import ModelSamples, describe_available
from ddpm.visuals.sheets import save_numbered_sheet, save_paired_sheet

FOLDER, KEY = "blind", "key.json"
KEY_PARTS = ("labels", "entries", "pictures", "pairs")  # what a tally needs of it
FORM, PAIR_FORM = "form.csv", "pairs.csv"
REAL_LABEL = "real images"
DEFAULT_PICTURES = 20  # of each entry on the sheet
MAX_PAIRS = 40  # in all: a person has to look at each
SEED_OFFSET = (
    1_000_000  # seeds of the sheet lie that far behind those of grids, which a judge may know
)


@dataclass(frozen=True)
class BlindRequest:
    """What to show to a judge, how many of each, and where it goes."""

    targets: Sequence[str]
    out: Path = Path("comparison")
    reference: str | None = None  # where the real ones come from, without a model
    n: int | None = None  # pictures of each entry; None: 20
    real: bool = True  # mix in real images: held-out ones where there are enough
    seed: int = 0
    overrides: Sequence[str] = ()
    device: str = "auto"


@dataclass(frozen=True)
class Arrangement:
    """What lies where: a source is an entry, by its position, or behind them all the real images."""

    pictures: list[tuple[int, int]]  # (source, image of it), in the order of the numbers
    pairs: list[tuple[tuple[int, int], tuple[int, int]]]  # left and right


def write_blind(request: BlindRequest) -> list[Path]:
    """Write sheets, forms and key into `out`/blind; the paths that a judge needs."""
    check_folder(request.out, f"{FOLDER}/{KEY}")
    folder = request.out / FOLDER
    if (folder / KEY).exists():
        raise RequestError(
            f"{folder} holds a blind test already, and forms may be out; give another --out, or "
            "remove that folder."
        )
    count = request.n or DEFAULT_PICTURES
    entrants = open_entries(
        request.targets,
        request.overrides,
        request.device,
        same_data=request.real and request.reference is None,
    )
    each = max(1, min(count, MAX_PAIRS // len(list(combinations(request.targets, 2)))))
    sources = _collect_images(request, entrants, count, each)
    nonce = secrets.token_hex(16)
    shown = arrange(
        random.Random(nonce), len(entrants.labels), count, each, len(sources[-1]) * request.real
    )
    document = seal(
        {
            "nonce": nonce,
            "targets": list(request.targets),
            "labels": [*entrants.labels, *[REAL_LABEL] * request.real],
            "entries": len(entrants.labels),
            "pictures": [source for source, _ in shown.pictures],
            "pairs": [[left[0], right[0]] for left, right in shown.pairs],
        }
    )
    return _write(folder, document, shown, sources, ask_real=request.real)


def blind_instructions(paths: Sequence[Path]) -> str:
    """What was written, and what to do with it."""
    forms = [str(path) for path in paths if path.suffix == ".csv"]
    lines = [*map(str, paths), "", "Look, fill in the forms (one copy a judge), then:"]
    return "\n".join([*lines, shlex.join(["ddpm", "compare", "--tally", *forms])])


def arrange(chance: random.Random, entries: int, count: int, each: int, real: int) -> Arrangement:
    """`count` pictures of each entry and `real` real ones; `each` pairs of every two entries.

    Every image is shown once: pairs take those behind the first `count`. Sides are random.
    """
    sizes = [count] * entries + [real] * (real > 0)
    pictures = [(source, image) for source, size in enumerate(sizes) for image in range(size)]
    chance.shuffle(pictures)
    used, pairs = [count] * entries, []
    for both in combinations(range(entries), 2):
        for _ in range(each):
            pair = [(source, used[source]) for source in both]
            for source in both:
                used[source] += 1
            chance.shuffle(pair)
            pairs.append((pair[0], pair[1]))
    chance.shuffle(pairs)
    return Arrangement(pictures, pairs)


def _collect_images(
    request: BlindRequest, entrants: Entries, count: int, each: int
) -> list[Tensor]:
    """The images of every entry, uint8 [count and those of its pairs, C, H, W], then the real ones."""
    needed = count + each * (len(entrants.labels) - 1)
    for target, subject in zip(entrants.targets, entrants.subjects, strict=True):
        if subject.available is not None and subject.available < needed:
            raise RequestError(
                f"A sheet of {count} pictures each and {each} pairs needs {needed} images of {target}, "
                f"but it holds {describe_available(subject)}; use a smaller -n, or give more images."
            )
    shape, real = entrants.shape, []
    if request.real:
        floor = open_real_images(entrants, request.reference, count, request.device).floor
        shape, real = floor.shape[1:], [floor[choose_indices(len(floor), count, request.seed)]]
    entrants.check_shape(shape)
    seed = request.seed + SEED_OFFSET
    mixed = torch.randperm(needed, generator=torch.Generator().manual_seed(request.seed))
    drawn = []
    for subject in entrants.subjects:
        images = subject.take(needed, seed, shape)
        # files may stand in order, class after class: pictures and pairs should show every class
        drawn.append(images if isinstance(subject, ModelSamples) else images[mixed])
    return [*drawn, *real]


def _write(
    folder: Path,
    document: dict[str, Any],
    shown: Arrangement,
    sources: Sequence[Tensor],
    *,
    ask_real: bool,
) -> list[Path]:
    key = document["sha256"]
    note = f"key {key[:HASH_DIGITS]}"
    left, right = (
        torch.stack([sources[pair[side][0]][pair[side][1]] for pair in shown.pairs])
        for side in (0, 1)
    )
    pictures = torch.stack([sources[source][image] for source, image in shown.pictures])
    save_numbered_sheet(folder / SHEET, pictures.numpy(), note=note)
    save_paired_sheet(folder / PAIRS, left.numpy(), right.numpy(), note=note)
    write_text(folder / FORM, picture_form(key, len(pictures), ask_real))
    write_text(folder / PAIR_FORM, pair_form(key, len(left)))
    write_json(folder / KEY, document)
    return [folder / name for name in (SHEET, FORM, PAIRS, PAIR_FORM)]
