"""Formats that are not read are refused with the line that converts them."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from ddpm.data.conversions import needs_conversion
from ddpm.data.source_detection import open_source
from ddpm.errors import RequestError

FORMATS = [
    ("train.h5", b"", "HDF5 file", "h5py.File"),
    ("train.HDF5", b"\x89HDF\r\n\x1a\n", "HDF5 file", "h5py.File"),
    ("train_32x32.mat", b"MATLAB 5.0 MAT-file", "MATLAB file", "scipy.io.loadmat"),
    ("digits.mat", b"MATLAB 7.3 MAT-file", "HDF5 file", "h5py.File"),
    ("images.7z", b"7z\xbc\xaf\x27\x1c", "7z archive", "7z x"),
    ("images.rar", b"Rar!\x1a\x07\0", "rar archive", "unrar x"),
    ("images", b"Rar!\x1a\x07\0", "rar archive", "unrar x"),
    ("data.pkl", b"", "a pickle, which could run a program", "pickle.load"),
    ("train.tfrecord", b"", "TFRecord", "folder for each class"),
    ("scan.dcm", b"", "medical image", "data.range=auto"),
    ("brain.nii.gz", b"", "medical image", "data.range=auto"),
]


@pytest.mark.parametrize(("name", "data", "what", "how"), FORMATS)
@pytest.mark.parametrize("inside", [False, True])
def test_the_sentence_names_the_format_and_the_line(
    name: str, data: bytes, what: str, how: str, inside: bool, tmp_path: Path
) -> None:
    folder = tmp_path / "it's mine"
    folder.mkdir()
    (folder / name).write_bytes(data + bytes(600))
    if inside and not needs_conversion(name):
        return  # a folder is searched by names
    with pytest.raises(RequestError) as caught:
        open_source(folder if inside else folder / name)
    text = str(caught.value)
    assert what in text and how in text and "\n" not in text and str(folder / name) in text


@pytest.mark.parametrize("name", ["train.h5", "a.mat", "data.pkl"])
def test_the_line_is_a_program_that_a_shell_can_run(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(bytes(600))
    with pytest.raises(RequestError) as caught:
        open_source(tmp_path / name)
    line = str(caught.value).partition(": python ")[2].partition(", with the names")[0]
    option, program = shlex.split(line)
    assert option == "-c"
    compile(program, "line", "exec")
    assert repr(str(tmp_path / name)) in program and "numpy.savez('images.npz'" in program
