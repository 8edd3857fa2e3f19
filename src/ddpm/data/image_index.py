"""Images by the names that tables give them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ddpm.data.folder_roles import split_words
from ddpm.data.image_source import IMAGE_EXTENSIONS, extension


@dataclass
class ImageIndex:
    """Images by their names, for look-ups of table cells."""

    names: Sequence[str]  # in NFC, with / between folders
    _by_stem: dict[str, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for item, name in enumerate(self.names):
            self._by_stem.setdefault(_stem(name.casefold().rpartition("/")[2]), []).append(item)

    def find(self, cell: str, table: str) -> int | None:
        """Return the image that a cell of the file `table` names; None if there is none or several."""
        path = _normalized(cell).split("/")
        stems = (path[-1], _stem(path[-1]))
        found = next((self._by_stem[stem] for stem in stems if stem in self._by_stem), [])
        if len(found) > 1:
            found = self._closest(found, path, table.casefold())
        return found[0] if len(found) == 1 else None

    def _closest(self, items: list[int], path: list[str], table: str) -> list[int]:
        """Return the items nearest to `path`: in shared last folders, in ending, and to the table's name.

        The table train.csv or train/labels.csv means train/1.png, not test/1.png.
        """
        folder, _, base = table.rpartition("/")
        whole, words = [*filter(None, folder.split("/")), *path], set(split_words(base))
        scores = []
        for name in (self.names[item].casefold() for item in items):
            *folders, file = name.split("/")
            shared = {word for part in folders for word in split_words(part)} & words
            scores.append((_shared_end(folders, whole[:-1]), file == path[-1], len(shared)))
        best = max(scores)
        return [item for item, score in zip(items, scores, strict=True) if score == best]


def _normalized(cell: str) -> str:
    """Return a path in a table as the names of images are written, in lower case."""
    text = unicodedata.normalize("NFC", cell.strip().replace("\\", "/"))
    return text.casefold().rstrip("/")


def _stem(name: str) -> str:
    """Return a file name without the ending of an image."""
    return name.rpartition(".")[0] if extension(name) in IMAGE_EXTENSIONS else name


def _shared_end(folders: Iterable[str], path: Sequence[str]) -> int:
    """Return how many of the last folders are equal."""
    count = 0
    for a, b in zip(reversed(list(folders)), reversed(path), strict=False):
        if a != b:
            break
        count += 1
    return count
