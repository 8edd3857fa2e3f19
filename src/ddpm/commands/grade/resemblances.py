"""Resemblances: what hand-ins of a class, of earlier classes and of given material have in common.

A resemblance is evidence and no verdict. Equal weights also come from the same command on the same kind of
machine, so each one says what was found and leaves the judgement to the teacher.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ddpm.commands.bundle import SETS, grid_name
from ddpm.commands.grade.grid_cells import NEAR_BITS, matching_cells
from ddpm.commands.grade.handed_weights import NEAR_DISTANCE, relative_distance

Record = Mapping[str, Any]
OTHER = "{other}"  # in a text: the name of the other thing
MATCHING_CELLS = 13  # of 25, from which two grids are called near-equal
_OTHER_WEIGHTS = (1, 20)  # bits of 63 and cells of 25, for grids that name different weights
_WHOLE_BITS = 2  # of 63, for given pictures without cells
_SAME_COMMAND = "the same command, seed and kind of machine give equal weights, too"


class Resemblance(NamedTuple):
    """A resemblance of the hand-in `name` to something else; `other` is "" or a hand-in's name."""

    name: str
    other: str
    text: str


def resemblances(
    records: Sequence[Record], earlier: Sequence[Record], bundled: Mapping[str, str]
) -> list[Resemblance]:
    """Return every resemblance of a class.

    `earlier` holds rows of the ledger and of given pictures, with a `name`; `bundled` maps hashes of the
    weights of this package to their names.
    """
    found = list(_among(records))
    for record, other in itertools.product(records, earlier):
        found += [
            Resemblance(record["name"], "", text.replace(OTHER, other["name"]))
            for text in (*_equal(record, other), *_near_grids(record, other))
        ]
    for record in records:
        for value in sorted(weights_of(record)):
            if value in bundled:
                text = (
                    f"the weights {value} are those that come with ddpm-studio ({bundled[value]})"
                )
                found.append(Resemblance(record["name"], "", text))
    return sorted(set(found))


def _among(records: Sequence[Record]) -> Iterator[Resemblance]:
    """Yield the resemblances of two hand-ins of the class, once for each of them."""
    for one, other in itertools.combinations(records, 2):
        for text in (*_equal(one, other), *_near_grids(one, other), *_near_weights(one, other)):
            yield Resemblance(one["name"], other["name"], text.replace(OTHER, other["name"]))
            yield Resemblance(other["name"], one["name"], text.replace(OTHER, one["name"]))


def _equal(one: Record, other: Record) -> Iterator[str]:
    """Yield what is equal by its hash; `OTHER` stands for the other's name."""
    if one["key"] and one["key"] == other["key"]:
        yield f"the whole hand-in is equal to {OTHER}"
        return
    if common := sorted(weights_of(one) & weights_of(other)):
        yield f"equal weights ({', '.join(common)}) as in {OTHER}; {_SAME_COMMAND}"
    pictures = _by_pixels(one).keys() & _by_pixels(other).keys()
    for pixels in sorted(pictures):
        yield f"{_by_pixels(one)[pixels]} shows the same pixels as {_by_pixels(other)[pixels]} of {OTHER}"
    codes = {value: name for name, value in one["code"]["hashes"].items()} if "code" in one else {}
    others = set(other["code"]["hashes"].values()) if "code" in other else set()
    for value in sorted(codes.keys() & others):
        yield f"{codes[value]} is equal, but for spaces and comments, to a file of {OTHER}"


def weights_of(record: Record) -> set[str]:
    """Return the hashes of all weights of a hand-in: of its files, and those that its grids name."""
    files = {row["hash"] for row in record.get("weights", []) if "hash" in row}
    grids = {row.get("weights", "") for row in record.get("pictures", {}).values()}
    return (files | grids) - {""}


def _by_pixels(record: Record) -> dict[str, str]:
    pictures = record.get("pictures", {})
    return {row["pixels"]: name for name, row in pictures.items() if row.get("pixels")}


def _near_grids(one: Record, other: Record) -> Iterator[str]:
    """Yield the grids that show nearly the same images, in any order, though not the same pixels.

    Different weights sample similar images from the same seeds (Zhang et al. 2023, "The emergence of
    reproducibility and consistency in diffusion models"), so grids that name different weights have to agree
    far more closely.
    """
    for mine, theirs in itertools.product(SETS, SETS):
        first, second = (
            record.get("pictures", {}).get(grid_name(images), {})
            for record, images in ((one, mine), (other, theirs))
        )
        if first.get("pixels") and first.get("pixels") == second.get("pixels"):
            continue
        named = {first.get("weights"), second.get("weights")} - {"", None}
        bits, least = (NEAR_BITS, MATCHING_CELLS) if len(named) < 2 else _OTHER_WEIGHTS
        count = matching_cells(first.get("cells", []), second.get("cells", []), bits)
        if count >= least:
            yield f"{grid_name(mine)} shows {count} of 25 images as in {grid_name(theirs)} of {OTHER}"
        elif "pixels" not in second and _near_whole(first, second):
            yield f"{grid_name(mine)} looks as a whole like {OTHER}"


def _near_whole(one: Record, other: Record) -> bool:
    """Return whether two pictures have near-equal fingerprints as a whole."""
    values = [int(row.get("fingerprint") or "0", 16) for row in (one, other)]
    return all(values) and (values[0] ^ values[1]).bit_count() <= _WHOLE_BITS


def _near_weights(one: Record, other: Record) -> Iterator[str]:
    """Yield pairs of weights files that are near, but not equal."""
    sketches: dict[int, list[tuple[str, list[float], str]]] = defaultdict(list)
    for row in other.get("weights", []):
        if "sketch" in row:
            sketches[row["count"]].append((row["file"], row["sketch"], row["hash"]))
    for row in one.get("weights", []):
        for file, values, value in sketches.get(row.get("count", -1), []):
            distance = relative_distance(row["sketch"], values)
            if value != row["hash"] and distance < NEAR_DISTANCE:
                share = f"{100 * distance:.1f} % of their norm apart"
                yield f"{row['file']} is nearly equal ({share}) to {file} of {OTHER}"
