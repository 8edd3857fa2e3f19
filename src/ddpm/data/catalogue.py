"""The data sets that are known by name, and how a name becomes a path. Standard library only.

To add one: a row in ``DATASETS`` and, where no ``_get_…`` function fits, one more of them.
"""

from __future__ import annotations

import difflib
import functools
import hashlib
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ddpm.data import hub
from ddpm.data.download import Content, DownloadError, fetch
from ddpm.data.threads import Progress
from ddpm.errors import RequestError, WorkError
from ddpm.files import remove_old

Fetch = Callable[[Sequence[str], Path, Content], Path]  # `download.fetch`, or its stand-in


@dataclass(frozen=True)
class DatasetEntry:
    """One data set known by name; every field but ``get`` is text or a number to be shown."""

    description: str
    size: tuple[int, int]  # height, width in pixels
    channels: int
    count: int
    license: str
    source: str  # a public address
    citation: str
    how: str  # how it is got, in words
    get: Callable[[Path, Fetch], Path]  # (cache folder, fetch) -> where the images lie
    test: int = 0  # of them, how many the set itself keeps for testing


_MNIST_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
# SHA-256 and length of the uncompressed content, which is the original's bit for bit.
_MNIST_FILES = {
    "train-images-idx3-ubyte.gz": Content(
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db", 47_040_016
    ),
    "train-labels-idx1-ubyte.gz": Content(
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5", 60_008
    ),
    "t10k-images-idx3-ubyte.gz": Content(
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7", 7_840_016
    ),
    "t10k-labels-idx1-ubyte.gz": Content(
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2", 10_008
    ),
}
_ANIME_SOURCE = "https://www.kaggle.com/datasets/soumikrakshit/anime-faces"
_HUB_NAME = "huggan/anime-faces"


def _get_digits(cache: Path, fetch: Fetch) -> Path:
    return Path(__file__).with_name("digits.npz")


def _get_mnist(cache: Path, fetch: Fetch) -> Path:
    folder = cache / "mnist"
    try:
        for name, content in _MNIST_FILES.items():
            fetch([mirror + name for mirror in _MNIST_MIRRORS], folder / name, content)
    except DownloadError as error:
        raise DownloadError(
            f"{error}: run the command again when online, or put the four files "
            f"({', '.join(_MNIST_FILES)}) into a folder named mnist and let DDPM_DATA_DIR name "
            "the folder around it"
        ) from error
    return folder


def _get_anime(cache: Path, fetch: Fetch) -> Path:
    raise RequestError(
        f"the anime faces must be fetched by hand: get the zip from {_ANIME_SOURCE} (or your "
        "course's), then give it (--data anime-faces.zip or, unpacked, --data ./anime) or put it into "
        "$DDPM_DATA_DIR/anime/; "
        "--data anime-hub takes the copy at the Hugging Face Hub"
    )


def _get_anime_hub(cache: Path, fetch: Fetch) -> Path:
    folder = cache / "anime-hub"
    if folder.exists():
        return folder
    try:
        from datasets import load_dataset
    except ImportError as error:
        raise RequestError(
            "anime-hub needs the package datasets: run pip install 'ddpm-studio[hub]', or see "
            "what --data anime says"
        ) from error
    try:
        cache.mkdir(parents=True, exist_ok=True)
        remove_old(cache, "anime-hub-*")
        with tempfile.TemporaryDirectory(dir=cache, prefix="anime-hub-") as scratch:
            rows = load_dataset(_HUB_NAME, split="train", cache_dir=str(cache / "hub"))
            _save_distinct(rows, Path(scratch, "images"))
            _move_into_place(Path(scratch, "images"), folder)
    except Exception as error:  # whatever a foreign library, the network and the disk come up with
        raise WorkError(
            f"the Hub copy {_HUB_NAME} could not be fetched ({error}): run the command again "
            f"when online, or get the zip from {_ANIME_SOURCE} and give it with --data"
        ) from error
    return folder


def _save_distinct(rows: Any, folder: Path) -> None:
    """Save each picture of the rows once, as PNG: the Hub copy holds every face four times over."""
    folder.mkdir()
    seen = set()
    for index, row in enumerate(rows):
        image = row["image"]
        digest = hashlib.sha256(repr((image.mode, image.size)).encode() + image.tobytes()).digest()
        if digest not in seen:
            seen.add(digest)
            image.save(folder / f"{index:05d}.png")


def _move_into_place(folder: Path, final: Path) -> None:
    """Rename whole, so that a folder under the final name is complete."""
    try:
        folder.replace(final)
    except OSError:
        if not final.exists():  # otherwise another process was quicker
            raise


DATASETS: dict[str, DatasetEntry] = {
    "digits": DatasetEntry(
        description="handwritten digits, small and grey",
        size=(8, 8),
        channels=1,
        count=1_797,
        license="CC BY 4.0",
        source="https://doi.org/10.24432/C50P49",
        citation="E. Alpaydin and C. Kaynak (1998), Optical Recognition of Handwritten Digits, "
        "UCI Machine Learning Repository",
        how="inside the package",
        get=_get_digits,
    ),
    "mnist": DatasetEntry(
        description="handwritten digits, grey: 60,000 to train on and 10,000 held out",
        size=(28, 28),
        channels=1,
        count=70_000,
        license="CC BY-SA 3.0, as commonly given",
        source=_MNIST_MIRRORS[0],
        citation="Y. LeCun, L. Bottou, Y. Bengio and P. Haffner (1998), Gradient-based learning "
        "applied to document recognition, Proceedings of the IEEE 86(11), 2278-2324",
        how="downloaded once (11 MB)",
        get=_get_mnist,
        test=10_000,
    ),
    "anime": DatasetEntry(
        description="faces of drawn characters, in color",
        size=(64, 64),
        channels=3,
        count=21_551,
        license="the artists' own; shared for study",
        source=_ANIME_SOURCE,
        citation="Anime Faces, Kaggle: faces cropped from www.getchu.com with lbpcascade_animeface",
        how="get the zip at the source, then --data FILE or $DDPM_DATA_DIR/anime/",
        get=_get_anime,
    ),
    "anime-hub": DatasetEntry(
        description="the same faces from their copy at the Hugging Face Hub",
        size=(64, 64),
        channels=3,
        count=21_551,
        license="CC0 1.0 according to its card; the drawings are their artists'",
        source=f"https://huggingface.co/datasets/{_HUB_NAME}",
        citation="Anime Faces, Kaggle: faces cropped from www.getchu.com with lbpcascade_animeface",
        how="downloaded once (hundreds of MB), with pip install 'ddpm-studio[hub]'",
        get=_get_anime_hub,
    ),
}


def locate(
    name_or_path: str,
    *,
    data_dir: Path | None,
    cache_dir: Path,
    fetch: Fetch | None = None,
    progress: Progress | None = None,
) -> Path:
    """The path of the images meant by a path, by the name of a data set, or by hf:OWNER/NAME.

    In this order: an existing path, unless it is spelled like a set in ``DATASETS`` (``./mnist`` is
    always the path); ``data_dir/NAME`` where it holds anything; the cache; a download. Raises
    ``RequestError`` where nothing is meant by it or the set must be got by hand, ``WorkError`` where a
    download fails. ``progress`` hears of a download: of a file's bytes, or of the Hub's images.
    """
    path = Path(os.path.expanduser(name_or_path))
    if is_path(name_or_path):
        return path
    if data_dir is not None and path.name == name_or_path and _holds_anything(data_dir / path):
        return data_dir / path
    if name_or_path in DATASETS:
        return DATASETS[name_or_path].get(cache_dir, fetch or _told(progress))
    if hub.is_name(name_or_path):
        return hub.fetch_set(name_or_path, cache_dir, progress)
    raise RequestError(_unknown(name_or_path))


def find_offline(name_or_path: str, *, data_dir: Path | None, cache_dir: Path) -> Path | None:
    """The same where nothing has to be fetched for it; None otherwise."""
    if hub.is_name(name_or_path) and not hub.place(name_or_path, cache_dir).exists():
        return None
    if name_or_path == "anime-hub" and not (cache_dir / name_or_path).exists():
        return None
    try:
        return locate(name_or_path, data_dir=data_dir, cache_dir=cache_dir, fetch=_there_already)
    except (RequestError, WorkError):
        return None


def is_path(name_or_path: str) -> bool:
    """Whether ``locate`` takes this for a path: it exists, and is not the name of a known set."""
    named = name_or_path in DATASETS or not name_or_path
    # os.path's answer is False for what cannot be a path, too
    return not named and os.path.exists(os.path.expanduser(name_or_path))


def is_known(name: str) -> bool:
    """Whether ``locate`` would know what to fetch for this name."""
    return name in DATASETS or hub.is_name(name)


def is_downloaded(name: str) -> bool:
    """Whether ``locate`` would fetch this set itself, were it not here yet."""
    return is_known(name) and name not in ("digits", "anime")


def _told(progress: Progress | None) -> Fetch:
    return functools.partial(fetch, progress=progress)


def _there_already(urls: Sequence[str], target: Path, content: Content) -> Path:
    """Stands in for `fetch` without the network."""
    if not target.is_file():
        raise DownloadError(f"{target.name} has not been downloaded")
    return target


def _holds_anything(folder: Path) -> bool:
    return os.path.isdir(folder) and any(not item.name.startswith(".") for item in folder.iterdir())


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name[:100].lower(), DATASETS, n=3)
    mend = f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(DATASETS)}"
    return f"no path and no data set is named {name[:100]!r}: {mend}"


def data_dir(environ: Mapping[str, str] = os.environ) -> Path | None:
    """The folder of the user's own data sets, ``DDPM_DATA_DIR``, or None where it is not set."""
    folder = environ.get("DDPM_DATA_DIR")
    return Path(os.path.expanduser(folder)) if folder else None


def cache_dir(environ: Mapping[str, str] = os.environ, platform: str = sys.platform) -> Path:
    """The folder of downloads and decoded images: ``DDPM_CACHE_DIR``, else the platform's own.

    RequestError where neither is named and the user has no home folder.
    """
    if folder := environ.get("DDPM_CACHE_DIR"):
        return Path(os.path.expanduser(folder))
    try:
        home = Path.home()
    except RuntimeError as error:
        raise RequestError(
            "This user has no home folder to keep decoded images in; name a folder with DDPM_CACHE_DIR."
        ) from error
    if platform == "win32":
        local = environ.get("LOCALAPPDATA")
        return (Path(local) if local else home / "AppData" / "Local") / "ddpm-studio" / "Cache"
    if platform == "darwin":
        return home / "Library" / "Caches" / "ddpm-studio"
    xdg = environ.get("XDG_CACHE_HOME")
    return (Path(xdg) if xdg else home / ".cache") / "ddpm-studio"


def absolute(data: str) -> str:
    """Paths are kept whole, so that a run can go on from another folder; names stay names."""
    from ddpm.data.catalogue import is_path

    return str(Path(data).expanduser().resolve()) if is_path(data) else data


def data_name(path: str) -> str:
    """Return what a data set is called: its name, hf:OWNER/NAME, or the last part of its path."""
    return path if hub.is_name(path) else Path(path).name or path
