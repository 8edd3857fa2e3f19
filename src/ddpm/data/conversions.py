"""Formats that are not read, and the line that converts each to one that is."""

from __future__ import annotations

import contextlib
import shlex
from pathlib import Path

from ddpm.errors import RequestError
from ddpm.terminal import printable_name

_HDF5 = (
    "is an HDF5 file",
    'Convert it: python -c "import h5py, numpy; f = h5py.File({file}); print(list(f)); '
    "numpy.savez('images.npz', images=f['images'][:], labels=f['labels'][:])\", with the names that it "
    "prints, and pass images.npz.",
)
_MAT = (
    "is a MATLAB file",
    'Convert it: python -c "import scipy.io, numpy; m = scipy.io.loadmat({file}); print(m.keys()); '
    "numpy.savez('images.npz', images=m['X'].transpose(3, 0, 1, 2), labels=m['y'].ravel())\", with the names "
    "that it prints, and pass images.npz.",
)
_SEVEN_ZIP = ("is a 7z archive", "Unpack it: 7z x {file} -oimages, and pass the folder images.")
_RAR = ("is a rar archive", "Unpack it: unrar x {file} images/, and pass the folder images.")
_PICKLE = (
    "is a pickle, which could run a program when opened",
    "Convert it, if you trust it: python -c \"import pickle, numpy; d = pickle.load(open({file}, 'rb')); "
    "print(d.keys()); numpy.savez('images.npz', images=d['images'], labels=d['labels'])\", with the names "
    "that it prints, and pass images.npz.",
)
_TFRECORD = (
    "is a TFRecord",
    "Write its images into a folder for each class with tensorflow, and pass the folder.",
)
_MEDICAL = (
    "is a medical image",
    "Save its slices as 16-bit PNGs (pydicom or nibabel), pass the folder, and add --set data.range=auto.",
)
_BY_ENDING = {
    ".h5": _HDF5, ".hdf5": _HDF5, ".hdf": _HDF5, ".he5": _HDF5,
    ".mat": _MAT,
    ".7z": _SEVEN_ZIP,
    ".rar": _RAR,
    ".pkl": _PICKLE, ".pickle": _PICKLE,
    ".tfrecord": _TFRECORD, ".tfrecords": _TFRECORD,
    ".dcm": _MEDICAL, ".nii": _MEDICAL,
}  # fmt: skip
_BY_SIGNATURE = {  # first bytes; a MATLAB file of version 7.3 is HDF5 after 512 bytes
    b"\x89HDF\r\n\x1a\n": _HDF5,
    b"MATLAB 7.3": _HDF5,
    b"MATLAB 5.0": _MAT,
    b"7z\xbc\xaf\x27\x1c": _SEVEN_ZIP,
    b"Rar!\x1a\x07": _RAR,
}


def needs_conversion(name: str) -> bool:
    """Return whether the ending of a file is that of a format that has to be converted."""
    return _ending(name) in _BY_ENDING


def refuse_unread_format(path: Path) -> None:
    """Raise RequestError with the line that converts the file, if its format is known but not read."""
    head = b""
    with contextlib.suppress(OSError):
        if path.is_file():  # not a pipe
            with path.open("rb") as file:
                head = file.read(16)
    found = next((row for start, row in _BY_SIGNATURE.items() if head.startswith(start)), None)
    found = found or _BY_ENDING.get(_ending(path.name))
    if found is None:
        return
    what, fix = found
    name = printable_name(str(path))
    quoted = repr(name) if "python -c" in fix else shlex.quote(name)
    raise RequestError(f"{name} {what}. {fix.format(file=quoted)}")


def _ending(name: str) -> str:
    return "." + name.lower().removesuffix(".gz").rpartition(".")[2]
