"""`ddpm compare --blind`: shuffled sheets of images, rating forms and a sealed key."""

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
from ddpm.scoring.generated_images import describe_available
from ddpm.terminal import escape
from ddpm.visuals.sheets import save_numbered_sheet, save_paired_sheet

FOLDER, KEY = "blind", "key.json"
KEY_PARTS = ("labels", "entries", "pictures", "pairs")  # read by the tally
FORM, PAIR_FORM = "form.csv", "pairs.csv"
REAL_LABEL = "real images"
DEFAULT_PICTURES = 20  # per entry
MAX_PAIRS = 40  # in total, since a person looks at each
SEED_OFFSET = 1_000_000  # keeps the seeds apart from those of grids, which raters may know


@dataclass(frozen=True)
class BlindRequest:
    """The images to show to raters, their number, and the folder of the sheets."""

    targets: Sequence[str]
    out: Path = Path("comparison")
    reference: str | None = None  # real images; None: the training images of the first model
    n: int | None = None  # images per entry; None: 20
    real: bool = True  # mix in real images, held-out ones if there are enough
    seed: int = 0
    overrides: Sequence[str] = ()
    device: str = "auto"


@dataclass(frozen=True)
class Arrangement:
    """The place of every image. A source is the index of an entry; the last index is the real images."""

    pictures: list[tuple[int, int]]  # (source, index of its image), in numbered order
    pairs: list[tuple[tuple[int, int], tuple[int, int]]]  # left and right


def write_blind(request: BlindRequest) -> list[Path]:
    """Write sheets, forms and key into `out`/blind. Return the paths that a rater needs.

    RequestError if the entries cannot be compared, or if the folder holds a blind test already.
    """
    check_folder(request.out, f"{FOLDER}/{KEY}")
    folder = request.out / FOLDER
    if (folder / KEY).exists():
        raise RequestError(
            f"{folder} already holds a blind test, whose forms may be in use; choose another --out, or "
            "delete that folder."
        )
    count = request.n or DEFAULT_PICTURES
    entries = open_entries(
        request.targets,
        request.overrides,
        request.device,
        same_data=request.real and request.reference is None,
    )
    each = max(1, min(count, MAX_PAIRS // len(list(combinations(request.targets, 2)))))
    sources = collect_images(request, entries, count, each)
    nonce = secrets.token_hex(16)
    arrangement = arrange(
        random.Random(nonce), len(entries.labels), count, each, len(sources[-1]) * request.real
    )
    document = seal(
        {
            "nonce": nonce,
            "targets": list(request.targets),
            "labels": [*entries.labels, *[REAL_LABEL] * request.real],
            "entries": len(entries.labels),
            "pictures": [source for source, _ in arrangement.pictures],
            "pairs": [[left[0], right[0]] for left, right in arrangement.pairs],
        }
    )
    return _write(folder, document, arrangement, sources, ask_real=request.real)


def blind_instructions(paths: Sequence[Path]) -> str:
    """Return the printed text: the files and the next step."""
    forms = [str(path) for path in paths if path.suffix == ".csv"]
    lines = [
        *(escape(str(path)) for path in paths),
        "",
        "Fill in the forms, one copy for each rater, then run:",
    ]
    return "\n".join([*lines, escape(shlex.join(["ddpm", "compare", "--tally", *forms]))])


def arrange(rng: random.Random, entries: int, count: int, each: int, real: int) -> Arrangement:
    """Arrange `count` images of each entry, `real` real images, and `each` pairs of every two entries.

    Every image is shown once: pairs take the images after the first `count`. Sides are random.
    """
    sizes = [count] * entries + [real] * (real > 0)
    pictures = [(source, image) for source, size in enumerate(sizes) for image in range(size)]
    rng.shuffle(pictures)
    used, pairs = [count] * entries, []
    for both in combinations(range(entries), 2):
        for _ in range(each):
            pair = [(source, used[source]) for source in both]
            for source in both:
                used[source] += 1
            rng.shuffle(pair)
            pairs.append((pair[0], pair[1]))
    rng.shuffle(pairs)
    return Arrangement(pictures, pairs)


def collect_images(request: BlindRequest, entries: Entries, count: int, each: int) -> list[Tensor]:
    """Return the images of every entry, uint8 [count + its pairs, C, H, W], then the real images."""
    needed = count + each * (len(entries.labels) - 1)
    for target, generated in zip(entries.targets, entries.images, strict=True):
        if generated.available is not None and generated.available < needed:
            raise RequestError(
                f"A sheet of {count} images per entry and {each} pairs needs {needed} images of {target}, "
                f"but it holds {describe_available(generated)}; use a smaller -n, or give more images."
            )
    shape, real = entries.shape, []
    if request.real:
        floor = open_real_images(entries, request.reference, count, request.device).floor
        shape, real = floor.shape[1:], [floor[choose_indices(len(floor), count, request.seed)]]
    entries.check_shape(shape)
    seed = request.seed + SEED_OFFSET
    order = torch.randperm(
        needed, generator=torch.Generator().manual_seed(request.seed), device="cpu"
    )
    collected = []
    for generated in entries.images:
        images = generated.load(needed, seed, shape)
        # files may be sorted by class: shuffle them, so that pictures and pairs show every class
        collected.append(images if generated.opened is not None else images[order])
    return [*collected, *real]


def _write(
    folder: Path,
    document: dict[str, Any],
    arrangement: Arrangement,
    sources: Sequence[Tensor],
    *,
    ask_real: bool,
) -> list[Path]:
    key = document["sha256"]
    note = f"key {key[:HASH_DIGITS]}"
    left, right = (
        torch.stack([sources[pair[side][0]][pair[side][1]] for pair in arrangement.pairs])
        for side in (0, 1)
    )
    pictures = torch.stack([sources[source][image] for source, image in arrangement.pictures])
    save_numbered_sheet(folder / SHEET, pictures.numpy(), note=note)
    save_paired_sheet(folder / PAIRS, left.numpy(), right.numpy(), note=note)
    write_text(folder / FORM, picture_form(key, len(pictures), ask_real))
    write_text(folder / PAIR_FORM, pair_form(key, len(left)))
    write_json(folder / KEY, document)
    return [folder / name for name in (SHEET, FORM, PAIRS, PAIR_FORM)]
