"""Detection of the kind of data set at a path."""

from __future__ import annotations

import zipfile
from pathlib import Path

from ddpm.data.arrangement import arrange
from ddpm.data.arrays import TENSOR_EXTENSIONS, array_source
from ddpm.data.cifar import cifar_source, find_batches
from ddpm.data.folder import files_below, fingerprint, folder_source, is_image_file
from ddpm.data.idx import (
    find_label_files,
    has_idx_header,
    idx_source,
    is_idx_name,
    is_label_name,
)
from ddpm.data.image_source import COMPRESSED_TARS, ImageSource, is_image_name
from ddpm.data.pixel_tables import table_source
from ddpm.data.tars import is_tar, tar_source
from ddpm.data.zips import zip_source
from ddpm.errors import RequestError
from ddpm.terminal import printable_name

_WHOLE_SET_EXTENSIONS = (".zip", ".npz", ".npy", *TENSOR_EXTENSIONS)
_SUPPORTED = "a folder or zip of images, tar shards, IDX files, a .npy, .npz, .pt or .csv"


def open_source(path: Path, label_column: str = "") -> ImageSource:
    """Open the image source at `path`: a folder or zip of images, a tar, IDX files, .npy, .npz, .pt, .csv.

    A folder may also contain IDX files, tar shards or a single archive. `label_column`: FILE:COLUMN of the
    classes in a table beside image files. Raises RequestError if it is none of these.
    """
    if path.is_dir():
        source = _open_folder(path.resolve())
    elif path.is_file():
        source = _open_file(
            path, printable_name(path.name.removesuffix(".gz").rpartition(".")[0] or path.stem)
        )
    else:
        state = "is neither a file nor a folder" if path.exists() else "does not exist"
        raise RequestError(f"{path} {state}. Pass {_SUPPORTED}.")
    if not len(source):
        raise RequestError(f"{path} contains no images. Pass {_SUPPORTED}.")
    return arrange(source, label_column)


def _open_folder(folder: Path) -> ImageSource:
    files = files_below(folder)
    idx = [path for path in files.values() if is_idx_name(path.name) and path.is_file()]
    if idx:
        labels = [path for path in files.values() if is_label_name(path.name) and path.is_file()]
        return _idx_files(folder, idx, labels, printable_name(folder.name))
    if batches := find_batches(files.values()):
        return cifar_source(printable_name(folder.name), batches, fingerprint(folder, batches))
    if any(map(is_image_name, files)):
        return folder_source(folder, files)
    archives = [
        p for p in files.values() if p.suffix.lower() in _WHOLE_SET_EXTENSIONS and p.is_file()
    ]
    shards = [p for p in files.values() if p.suffix.lower() == ".tar" and p.is_file()]
    if shards and not archives:
        return tar_source(printable_name(folder.name), folder, shards)
    archives += shards
    if not archives and any(is_image_file(name, path) for name, path in files.items()):
        return folder_source(folder, files)
    if len(archives) > 1:
        listed = ", ".join(path.name for path in archives[:3]) + (", …" if archives[3:] else "")
        raise RequestError(f"{folder} contains several archives ({listed}). Pass one of them.")
    tables = [p for p in files.values() if p.suffix.lower() == ".csv" and p.is_file()]
    if len(tables) == 1 and not archives:
        return _open_file(tables[0], printable_name(folder.name))
    if archives:
        return _open_file(archives[0], printable_name(folder.name))
    for path in files.values():
        _refuse_compressed_tar(path)
    what = f"no images among its {len(files)} files" if files else "no files"
    raise RequestError(
        f"{folder} contains {what}. Pass a folder with images such as .png or .jpg files."
    )


def _open_file(path: Path, name: str) -> ImageSource:
    if path.suffix.lower() in (".npy", ".npz", *TENSOR_EXTENSIONS):
        return array_source(name, path, fingerprint(path, [path]))
    if path.suffix.lower() == ".csv":
        return table_source(name, path, fingerprint(path, [path]))
    _refuse_compressed_tar(path)
    if is_tar(path):
        return tar_source(name, path.parent, [path])
    if path.suffix.lower() == ".zip" or zipfile.is_zipfile(path):
        return zip_source(name, path)
    if is_idx_name(path.name) or has_idx_header(path):
        return _idx_files(path, [path], [], name)
    raise RequestError(f"{path.name} is not a data set. Pass {_SUPPORTED}.")


def _refuse_compressed_tar(path: Path) -> None:
    """Raise RequestError for a compressed tar, which allows no random access."""
    if path.name.lower().endswith(COMPRESSED_TARS):
        raise RequestError(
            f"{path.name} is a compressed tar. Decompress it to a plain .tar first (gzip -d, xz -d, "
            "bzip2 -d or zstd -d)."
        )


def _idx_files(root: Path, images: list[Path], labels: list[Path], name: str) -> ImageSource:
    """Return the source of IDX image files and their labels, from `labels` or beside the images."""
    labels = sorted({*labels, *(path for image in images for path in find_label_files(image))})
    return idx_source(root, images, labels, name, fingerprint(root, sorted([*images, *labels])))
