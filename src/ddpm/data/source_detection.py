"""Detection of the kind of data set at a path."""

from __future__ import annotations

import dataclasses
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ddpm.data.arrangement import arrange
from ddpm.data.arrays import TENSOR_EXTENSIONS, array_files_source, array_source
from ddpm.data.cifar import cifar_source, find_batches, is_cifar_name
from ddpm.data.conversions import needs_conversion, refuse_unread_format
from ddpm.data.folder import files_below, fingerprint, folder_source, is_image_file, label_files
from ddpm.data.idx import (
    find_label_files,
    has_idx_header,
    idx_source,
    is_idx_name,
    is_label_name,
)
from ddpm.data.image_source import COMPRESSED_TARS, ImageSource, is_image_name
from ddpm.data.parquet import PARQUET_EXTENSION, parquet_source
from ddpm.data.pixel_tables import find_tables, is_table_name, table_source
from ddpm.data.tars import is_tar, tar_source
from ddpm.data.unpacking import unpacked_folder
from ddpm.data.zips import zip_source
from ddpm.errors import RequestError
from ddpm.files import real_path
from ddpm.terminal import printable_name

_ARRAY_EXTENSIONS = (".npz", ".npy", *TENSOR_EXTENSIONS)
_SUPPORTED = "a folder or zip of images, tar shards, IDX files, a .npy, .npz, .pt, .csv or .parquet"


def open_source(path: Path, labels: str = "auto") -> ImageSource:
    """Open the image source at `path`: a file of one of `_FORMATS`, or a folder.

    A folder holds images, IDX files, CIFAR batches, tar shards, Parquet files, tables of pixels or a single
    archive. `labels`: "auto", "none" or FILE:COLUMN, see `arrangement.arrange`. Raises RequestError
    if it is none of these.
    """
    if path.is_dir():
        source = _open_folder(real_path(path))
    elif path.is_file():
        source = _open_file(
            path, printable_name(path.name.removesuffix(".gz").rpartition(".")[0] or path.stem)
        )
    else:
        state = "is neither a file nor a folder" if path.exists() else "does not exist"
        raise RequestError(f"{path} {state}. Pass {_SUPPORTED}.")
    if not len(source):
        raise _empty_error(path, source)
    return arrange(source, labels)


def _open_folder(folder: Path) -> ImageSource:
    files = files_below(folder)
    name = printable_name(folder.name)

    def named(matches: Callable[[str], bool]) -> list[Path]:
        """Return the files, not pipes, whose name matches."""
        return [path for path in files.values() if matches(path.name.lower()) and path.is_file()]

    if idx := named(is_idx_name):
        return _idx_files(folder, idx, named(is_label_name), name)
    if batches := find_batches(named(is_cifar_name)):
        return cifar_source(name, batches, fingerprint(folder, batches))
    if any(map(is_image_name, files)):
        return folder_source(folder, files)
    if shards := named(lambda name: name.endswith(PARQUET_EXTENSION)):
        return parquet_source(name, folder, shards, fingerprint(folder, shards))
    archives = named(lambda name: name.endswith((".zip", *_ARRAY_EXTENSIONS)))
    tars = named(lambda name: name.endswith(".tar"))
    if tars and not archives:
        return _tar_files(name, folder, tars)
    archives += tars
    if not archives and any(is_image_file(inner, path) for inner, path in files.items()):
        return folder_source(folder, files)
    if len(archives) > 1 and all(path.suffix.lower() == ".npy" for path in archives):
        return array_files_source(name, folder, archives, fingerprint(folder, archives))
    if len(archives) > 1:
        listed = ", ".join(path.name for path in archives[:3]) + (", …" if archives[3:] else "")
        raise RequestError(f"{folder} contains several archives ({listed}). Pass one of them.")
    if archives:
        return _with_tables_beside(_open_file(archives[0], name), files)
    if tables := find_tables(folder, named(is_table_name)):
        return table_source(name, tables, fingerprint(folder, tables))
    raise _no_images_error(folder, list(files.values()))


def _empty_error(path: Path, source: ImageSource) -> RequestError:
    """Return the error for an archive without images, which names archives and other formats inside."""
    formats = [
        f".{ending} file" for ending in source.other_files if needs_conversion(f"x.{ending}")
    ]
    inside = ", ".join([*source.unopened_archives, *formats][:3])
    fix = f"Unpack it and pass the {inside}" if inside else f"Pass {_SUPPORTED}"
    return RequestError(f"{path} contains no images. {fix}.")


def _with_tables_beside(source: ImageSource, files: Mapping[str, Path]) -> ImageSource:
    """Return the images of the only archive in a folder, with the files of labels beside it."""
    beside = label_files(files)
    return dataclasses.replace(source, label_files={**source.label_files, **beside})


def _no_images_error(folder: Path, paths: Sequence[Path]) -> RequestError:
    """Return the error for a folder without images. Raises a clearer one for formats with a way out."""
    for path in paths:
        _refuse_compressed_tar(path)
        if needs_conversion(path.name):
            refuse_unread_format(path)
    what = f"no images among its {len(paths)} files" if paths else "no files"
    return RequestError(
        f"{folder} contains {what}. Pass a folder with images such as .png or .jpg files."
    )


def _open_file(path: Path, name: str) -> ImageSource:
    _refuse_compressed_tar(path)
    for matches, open_format in _FORMATS:
        if matches(path):
            return open_format(path, name)
    refuse_unread_format(path)
    raise RequestError(f"{path.name} is not a data set. Pass {_SUPPORTED}.")


def _is_array(path: Path) -> bool:
    return path.suffix.lower() in _ARRAY_EXTENSIONS


def _is_parquet(path: Path) -> bool:
    return path.suffix.lower() == PARQUET_EXTENSION


def _is_zip(path: Path) -> bool:
    return path.suffix.lower() == ".zip" or zipfile.is_zipfile(path)


def _open_array(path: Path, name: str) -> ImageSource:
    return array_source(name, path, fingerprint(path, [path]))


def _open_table(path: Path, name: str) -> ImageSource:
    return table_source(name, [path], fingerprint(path, [path]))


def _open_parquet(path: Path, name: str) -> ImageSource:
    return parquet_source(name, path.parent, [path], fingerprint(path, [path]))


def _open_tar(path: Path, name: str) -> ImageSource:
    return _tar_files(name, path.parent, [path])


def _open_zip(path: Path, name: str) -> ImageSource:
    source = zip_source(name, path)
    return source if len(source) else _open_unpacked(path, source)


def _open_idx(path: Path, name: str) -> ImageSource:
    return _idx_files(path, [path], [], name)


# Files: whether a path has the format, and how it is opened. The first match counts.
_FORMATS: tuple[tuple[Callable[[Path], bool], Callable[[Path, str], ImageSource]], ...] = (
    (_is_array, _open_array),
    (lambda path: is_table_name(path.name), _open_table),
    (_is_parquet, _open_parquet),
    (is_tar, _open_tar),
    (_is_zip, _open_zip),
    (lambda path: is_idx_name(path.name) or has_idx_header(path), _open_idx),
)


def _tar_files(name: str, root: Path, tars: list[Path]) -> ImageSource:
    """Return the images in tars, or the data set inside a single tar without images."""
    source = tar_source(name, root, tars)
    return source if len(source) or len(tars) > 1 else _open_unpacked(tars[0], source)


def _open_unpacked(path: Path, empty: ImageSource) -> ImageSource:
    """Return the data set inside of an archive that holds no images, else `empty`.

    Errors name the archive in place of the folder it is unpacked into.
    """
    folder = unpacked_folder(path, "zip" if empty.kind == "zip" else "tar", _is_part_of_a_set)
    if folder is None:
        return empty
    try:
        source = _open_folder(folder)
    except RequestError as error:
        raise RequestError(str(error).replace(str(folder), str(path))) from error
    return dataclasses.replace(source, name=empty.name, fingerprint=empty.fingerprint)


def _is_part_of_a_set(name: str) -> bool:
    """Return whether a file may belong to a data set that is not made of image files."""
    endings = (PARQUET_EXTENSION, *_ARRAY_EXTENSIONS)
    is_known = is_idx_name(name) or is_label_name(name) or is_table_name(name)
    return is_known or is_cifar_name(name) or name.lower().endswith(endings)


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
