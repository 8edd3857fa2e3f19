"""Table of named data sets, and the lookup of their paths. Standard library only.

To add a data set, add a row to `DATASETS` and, if none of the `_get_…` functions fits, a new one.
"""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ddpm.data import hub
from ddpm.data.download import DownloadError, download_file
from ddpm.data.threads import ProgressCallback
from ddpm.errors import RequestError
from ddpm.files import real_path

Download = Callable[[Sequence[str], Path, str], Path]  # signature of `download.download_file`


@dataclass(frozen=True)
class DatasetEntry:
    """Named data set. All fields but `get` are shown to the user."""

    description: str
    size: tuple[int, int]  # height, width in pixels
    channels: int
    count: int  # images
    license: str
    source: str  # a public address
    citation: str
    access: str  # how to get it, as text
    get: Callable[[Path, Download], Path] | None = None  # (cache folder, download) -> path
    hub: str = ""  # hf:OWNER/NAME, in place of `get`
    test: int = 0  # number of the set's own test images


_MNIST_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
_MNIST_FILES = {  # name → SHA-256
    "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}
_ANIME_SOURCE = "https://www.kaggle.com/datasets/soumikrakshit/anime-faces"


def embedded_digits() -> Path:
    """Return the path of the 1,797 digits inside the package (`digits.md` names their source)."""
    return Path(__file__).with_name("digits.npz")


def _get_mnist(cache: Path, download: Download) -> Path:
    folder = cache / "mnist"
    try:
        for name, sha256 in _MNIST_FILES.items():
            download([mirror + name for mirror in _MNIST_MIRRORS], folder / name, sha256)
    except DownloadError as error:
        raise DownloadError(
            f"{error}: run the command again when online, or put the four files "
            f"({', '.join(_MNIST_FILES)}) into a folder named mnist and set DDPM_DATA_DIR to the folder "
            "that contains it"
        ) from error
    return folder


def _get_anime(cache: Path, download: Download) -> Path:
    raise RequestError(
        f"the anime faces cannot be downloaded automatically: get the zip from {_ANIME_SOURCE} (or your "
        "course's) and pass it (--data anime-faces.zip, or --data ./anime once unpacked), put it into "
        "$DDPM_DATA_DIR/anime/, or use the copy on the Hugging Face Hub (--data anime-hub)"
    )


DATASETS: dict[str, DatasetEntry] = {
    "digits": DatasetEntry(
        description="handwritten digits, small and gray",
        size=(8, 8),
        channels=1,
        count=1_797,
        license="CC BY 4.0",
        source="https://doi.org/10.24432/C50P49",
        citation="E. Alpaydin and C. Kaynak (1998), Optical Recognition of Handwritten Digits, "
        "UCI Machine Learning Repository",
        access="inside the package",
        get=lambda cache, download: embedded_digits(),
    ),
    "mnist": DatasetEntry(
        description="handwritten digits, gray: 60,000 to train on and 10,000 held out",
        size=(28, 28),
        channels=1,
        count=70_000,
        license="CC BY-SA 3.0, as commonly given",
        source=_MNIST_MIRRORS[0],
        citation="Y. LeCun, L. Bottou, Y. Bengio and P. Haffner (1998), Gradient-based learning "
        "applied to document recognition, Proceedings of the IEEE 86(11), 2278-2324",
        access="downloaded once (11 MB)",
        get=_get_mnist,
        test=10_000,
    ),
    "anime": DatasetEntry(
        description="anime faces, in color",
        size=(64, 64),
        channels=3,
        count=21_551,
        license="the artists' own; shared for study",
        source=_ANIME_SOURCE,
        citation="Anime Faces, Kaggle: faces cropped from www.getchu.com with lbpcascade_animeface",
        access="get the zip at the source, then --data FILE or $DDPM_DATA_DIR/anime/",
        get=_get_anime,
    ),
    "anime-hub": DatasetEntry(
        description="the same faces, from the Hugging Face Hub",
        size=(64, 64),
        channels=3,
        count=21_551,
        license="CC0 1.0 according to its card; the drawings are their artists'",
        source="https://huggingface.co/datasets/huggan/anime-faces",
        citation="Anime Faces, Kaggle: faces cropped from www.getchu.com with lbpcascade_animeface",
        access="downloaded once (hundreds of MB), with pip install 'ddpm-studio[hub]'",
        hub="hf:huggan/anime-faces",
    ),
}


def locate(
    name_or_path: str,
    *,
    data_dir: Path | None,
    cache_dir: Path,
    download: Download | None = None,
    progress: ProgressCallback | None = None,
) -> Path:
    """Return the path of a data set given as a path, a name of `DATASETS` or hf:OWNER/NAME.

    These are tried in order: the path itself, unless it equals a name of `DATASETS` (`./mnist` is
    always a path); `data_dir/NAME`; the cache; a download. `progress` receives the
    number of images that have arrived from the Hub. Raises `RequestError` if there is no such path or
    name, or the set has to be downloaded by hand, and `WorkError` if a download fails.
    """
    found = find_offline(name_or_path, data_dir=data_dir, cache_dir=cache_dir)
    if found is not None:
        return found
    if hub.is_hub_name(name := _hub_name(name_or_path)):
        return hub.fetch_from_hub(name, cache_dir, progress)
    entry = DATASETS.get(name_or_path)
    if entry is None or entry.get is None:
        raise RequestError(_unknown_name(name_or_path))
    return entry.get(cache_dir, download or download_file)


def find_offline(name_or_path: str, *, data_dir: Path | None, cache_dir: Path) -> Path | None:
    """Return what `locate` returns if that needs no download, else None."""
    path = Path(os.path.expanduser(name_or_path))
    if is_path(name_or_path):
        return path
    if data_dir is not None and path.name == name_or_path and _is_nonempty(data_dir / path):
        return data_dir / path
    if hub.is_hub_name(name := _hub_name(name_or_path)):
        earlier = cache_dir / name_or_path  # PNGs that an earlier version downloaded as anime-hub
        places = (earlier, hub.shard_folder(name, cache_dir))
        return next((place for place in places if place.is_dir()), None)
    entry = DATASETS.get(name_or_path)
    try:
        return entry.get(cache_dir, _find_downloaded) if entry and entry.get else None
    except (RequestError, DownloadError):
        return None


def is_path(name_or_path: str) -> bool:
    """Return whether `locate` treats this as a path: it exists and is not a name of `DATASETS`."""
    named = name_or_path in DATASETS or not name_or_path
    # os.path.exists returns False for strings that cannot be a path
    return not named and os.path.exists(os.path.expanduser(name_or_path))


def is_dataset_name(name: str) -> bool:
    """Return whether this is a name of `DATASETS` or hf:OWNER/NAME."""
    return name in DATASETS or hub.is_hub_name(name)


def is_downloadable(name: str) -> bool:
    """Return whether `locate` can download this data set."""
    return is_dataset_name(name) and name not in ("digits", "anime")


def _find_downloaded(urls: Sequence[str], target: Path, sha256: str) -> Path:
    """Return an already downloaded file. Stands in for `download_file` when offline."""
    if not target.is_file():
        raise DownloadError(f"{target.name} has not been downloaded")
    return target


def _hub_name(name: str) -> str:
    """Return the hf:OWNER/NAME of a name of `DATASETS`; other names are returned unchanged."""
    entry = DATASETS.get(name)
    return name if entry is None else entry.hub


def _is_nonempty(folder: Path) -> bool:
    return os.path.isdir(folder) and any(not item.name.startswith(".") for item in folder.iterdir())


def _unknown_name(name: str) -> str:
    near = difflib.get_close_matches(name[:100].lower(), DATASETS, n=3)
    fix = (
        f"did you mean {' or '.join(near)}?"
        if near
        else f"the named data sets are {', '.join(DATASETS)}"
    )
    return f"no data set or path is named {name[:100]!r}: {fix}"


def data_dir(environ: Mapping[str, str] = os.environ) -> Path | None:
    """Return the folder of the user's data sets, `DDPM_DATA_DIR`, or None if that is not set."""
    folder = environ.get("DDPM_DATA_DIR")
    return Path(os.path.expanduser(folder)) if folder else None


def cache_dir(environ: Mapping[str, str] = os.environ, platform: str = sys.platform) -> Path:
    """Return the folder of downloads and decoded images: `DDPM_CACHE_DIR` or the platform's default.

    Raises RequestError if neither is set and the user has no home folder.
    """
    if folder := environ.get("DDPM_CACHE_DIR"):
        return Path(os.path.expanduser(folder))
    try:
        home = Path.home()
    except RuntimeError as error:
        raise RequestError(
            "There is no home folder for the cache of decoded images. Set DDPM_CACHE_DIR to a folder."
        ) from error
    if platform == "win32":
        local = environ.get("LOCALAPPDATA")
        return (Path(local) if local else home / "AppData" / "Local") / "ddpm-studio" / "Cache"
    if platform == "darwin":
        return home / "Library" / "Caches" / "ddpm-studio"
    xdg = environ.get("XDG_CACHE_HOME")
    return (Path(xdg) if xdg else home / ".cache") / "ddpm-studio"


def absolute_data_path(data: str) -> str:
    """Return `data` as an absolute path if it is a path, so that a run can resume from another folder."""
    return str(real_path(Path(data).expanduser())) if is_path(data) else data


def data_name(path: str) -> str:
    """Return the name shown for a data set: its name, hf:OWNER/NAME, or the last part of its path."""
    return path if hub.is_hub_name(path) else Path(path).name or path
