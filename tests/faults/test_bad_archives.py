"""Zips, arrays and IDX files that lie: each is refused in a sentence, or the good images in it are used."""

from __future__ import annotations

import gzip
import io
import os
import struct
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ddpm.data.dataset import prepare_dataset
from ddpm.data.image_source import BrokenImageError
from ddpm.data.source_detection import open_source
from ddpm.errors import RequestError
from tests.examples import examples
from tests.faults.hostile_images import encode, picture
from tests.faults.hostile_images import idx_bytes as idx

MEMORY = 48 << 20  # bytes that reading any of these may take
IMAGES = [encode(picture(i), "PNG") for i in range(3)]


@contextmanager
def bounded() -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()


def zipped(path: Path, *members: tuple[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", how) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return path


def patched(path: Path, old: bytes, new: bytes, count: int = -1) -> Path:
    data = path.read_bytes()
    assert old in data and len(old) == len(new)
    path.write_bytes(data.replace(old, new, count))
    return path


def refusal(path: Path) -> str:
    """What `open_source`, or the first look at the images, says."""
    with bounded(), pytest.raises(RequestError) as caught:
        source = open_source(path)
        source.load(0)
    message = str(caught.value)
    assert "\n" not in message and message.endswith(".") and len(message) < 1000
    return message


# ---- zips


def directory(path: Path, name: str) -> int:
    """Where a member's row of the central directory begins."""
    data, place = path.read_bytes(), -1
    while (place := data.find(b"PK\x01\x02", place + 1)) >= 0:
        if data[place + 46 :].startswith(name.encode()):
            return place
    raise AssertionError(name)


def with_directory(path: Path, name: str, offset: int, form: str, value: int) -> Path:
    """Change a field of a member's row in the central directory."""
    data, place = bytearray(path.read_bytes()), directory(path, name)
    struct.pack_into(form, data, place + offset, value)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("how", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_bomb_that_lies_about_its_length_is_unpacked_no_further(tmp_path: Path, how: int) -> None:
    """64 MiB of zeros whose directory says 1,000 bytes: what it says is not believed."""
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", how) as archive, archive.open("a.png", "w") as file:
        for _ in range(64):
            file.write(bytes(1 << 20))
    source = open_source(with_directory(path, "a.png", 24, "<I", 1000))
    words = (
        "damaged inside"
        if how == zipfile.ZIP_DEFLATED
        else "unsupported compression; make an ordinary zip"
    )
    with bounded(), pytest.raises(BrokenImageError, match=words):
        source.load(0)


def test_a_bomb_that_tells_the_truth_is_not_unpacked(tmp_path: Path) -> None:
    path = zipped(tmp_path / "bomb.zip", ("a.png", bytes(64 << 20)))
    source = open_source(path)
    with bounded(), pytest.raises(BrokenImageError, match=r"unpacks .* bytes to 67,108,864"):
        source.load(0)


def test_members_that_share_their_bytes_are_refused(tmp_path: Path) -> None:
    """Fifield's better zip bomb: every row of the directory points to the same packed bytes."""
    path = zipped(tmp_path / "overlap.zip", *((f"{i:03d}.png", IMAGES[0]) for i in range(200)))
    data = path.read_bytes()
    first, start = data.index(b"PK\x03\x04", 4), data.index(b"PK\x01\x02")
    rows = bytearray(data[start:])
    place = 0
    while rows[place : place + 4] == b"PK\x01\x02":
        struct.pack_into("<I", rows, place + 42, 0)  # where the member lies
        place += 46 + sum(struct.unpack_from("<HHH", rows, place + 28))
    struct.pack_into("<I", rows, place + 16, first)
    path.write_bytes(data[:first] + rows)
    assert "packs several files into the same bytes" in refusal(path)


@pytest.mark.parametrize("extra", [1, -1, 1000, 2**31])
@pytest.mark.parametrize("offset", [16, 20, 24, 42])  # checksum, packed, unpacked, place
def test_a_directory_that_lies_costs_its_own_member_alone(
    tmp_path: Path, offset: int, extra: int
) -> None:
    path = zipped(tmp_path / "lie.zip", *((f"{i}.png", data) for i, data in enumerate(IMAGES)))
    place = directory(path, "1.png") + offset
    (value,) = struct.unpack_from("<I", path.read_bytes(), place)
    with_directory(path, "1.png", offset, "<I", (value + extra) % 2**32)
    with bounded():
        try:
            source = open_source(path)
        except RequestError as error:
            assert "unsafe" in str(error) or "damaged" in str(error)
            return
        try:
            assert source.load(1) == IMAGES[1]  # a packed length that is a little too long
        except BrokenImageError as error:
            assert "damaged" in str(error) or "unpacks" in str(error) or "longer" in str(error)
        assert [source.load(i) for i in (0, 2)] == [IMAGES[0], IMAGES[2]]


def test_duplicate_names_are_two_images(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = zipped(tmp_path / "two.zip", ("a.png", IMAGES[0]), ("a.png", IMAGES[1]))
    source = open_source(path)
    assert [source.load(i) for i in range(2)] == IMAGES[:2]
    report = prepare_dataset(path, cache_dir=tmp_path / "cache").report
    assert report["given"] == report["used"] == 2


def test_archives_in_archives_are_named_and_left_shut(tmp_path: Path) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("x.png", IMAGES[2])
    path = zipped(tmp_path / "outer.zip", ("a.png", IMAGES[0]), ("b.zip", inner.getvalue()))
    source = open_source(path)
    assert source.names == ("a.png",) and source.unopened_archives == ("b.zip",)
    path = zipped(tmp_path / "alone.zip", ("b.zip", inner.getvalue()))
    assert "contains no images" in refusal(path)


@pytest.mark.parametrize("bit", [0x1, 0x41, 0x2001])
def test_locked_members_are_refused(tmp_path: Path, bit: int) -> None:
    path = zipped(tmp_path / "locked.zip", ("a.png", IMAGES[0]))
    assert "password" in refusal(with_directory(path, "a.png", 8, "<H", bit))


@pytest.mark.parametrize(("offset", "value"), [(8, 0x20), (8, 0x40), (10, 99), (10, 1), (6, 99)])
def test_ways_of_packing_that_nobody_knows_break_their_member(
    tmp_path: Path, offset: int, value: int
) -> None:
    path = zipped(tmp_path / "odd.zip", ("a.png", IMAGES[0]))
    with_directory(path, "a.png", offset, "<H", value)
    with pytest.raises((RequestError, BrokenImageError), match=r"damaged|unsupported"):
        open_source(path).load(0)


def test_a_name_that_is_no_utf8_though_it_says_so_breaks_its_member(tmp_path: Path) -> None:
    path = zipped(tmp_path / "name.zip", ("é.png", IMAGES[0]), ("b.png", IMAGES[1]))
    patched(path, "é".encode(), b"\xff\xfe", 1)  # in the local header alone
    source = open_source(path)
    with pytest.raises(BrokenImageError, match="damaged inside the zip"):
        source.load(source.names.index("é.png"))
    assert source.load(source.names.index("b.png")) == IMAGES[1]
    patched(path, "é".encode(), b"\xff\xfe")
    assert "damaged" in refusal(path)


def test_a_member_without_a_name_is_passed_over(tmp_path: Path) -> None:
    """Found by fuzzing: Python 3.11 looks for the last letter of the name."""
    path = zipped(tmp_path / "name.zip", ("x", b"y"), ("a.png", IMAGES[0]))
    data = path.read_bytes()
    place = directory(path, "x")
    row = bytearray(data[place : place + 46])
    struct.pack_into("<H", row, 28, 0)  # the length of the name
    packed = bytearray(data[:place] + row + data[place + 47 :])
    (length,) = struct.unpack_from("<I", packed, len(packed) - 10)
    struct.pack_into("<I", packed, len(packed) - 10, length - 1)
    path.write_bytes(packed)
    assert open_source(path).names == ("a.png",)


def test_names_give_no_orders_to_the_terminal(tmp_path: Path) -> None:
    path = zipped(tmp_path / "name.zip", ("a\n\x1b[2J.png", IMAGES[0]), ("\x9b2J.png", IMAGES[1]))
    assert open_source(path).names == ("\\x9b2J.png", "a\\n\\x1b[2J.png")


@settings(max_examples=examples(300), deadline=None)
@given(data=st.data())
def test_no_damage_to_a_zip_escapes_as_another_error(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.zip"
    how = data.draw(st.sampled_from([0, 8, 12, 14]))
    zipped(path, ("a/1.png", IMAGES[0]), ("b/2.png", IMAGES[1]), how=how)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(len(content) // 2, len(content)))])
    try:
        source = open_source(path)
        for i in range(len(source)):
            try:
                source.load(i)
            except BrokenImageError as error:
                assert str(error)
    except RequestError as error:
        assert "\n" not in str(error)


# ---- tars


TEXTS = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE)


@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize("there", [0, 64 << 20])
def test_a_tar_whose_names_have_no_end_is_refused_before_they_are_read(
    tmp_path: Path, kind: bytes, there: int
) -> None:
    info = tarfile.TarInfo("x")
    info.type, info.size = kind, there or 1 << 30
    path = tmp_path / "a.tar"
    with path.open("wb") as file:
        file.write(info.tobuf(tarfile.GNU_FORMAT))
        file.truncate(512 + there)  # nothing: on most disks it takes no room
    assert "damaged or truncated" in refusal(path)


def test_a_tar_whose_list_of_holes_has_no_end_is_refused_before_it_is_read(tmp_path: Path) -> None:
    info = tarfile.TarInfo("x")
    info.type = tarfile.GNUTYPE_SPARSE
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[482] = 1  # the list goes on in the next block
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    more = (b"%011o\0" % (1 << 24)) * 42 + b"\1" + bytes(7)
    path = tmp_path / "a.tar"
    path.write_bytes(bytes(header) + more * 40_000)
    assert "damaged or truncated" in refusal(path)


# ---- arrays


def npy(header: str, data: bytes = b"", version: bytes = b"\1\0") -> bytes:
    text = header.encode("latin1")
    length = struct.pack("<H" if version == b"\1\0" else "<I", len(text))
    return b"\x93NUMPY" + version + length + text + data


def described(shape: str, descr: str = "'|u1'", order: str = "False") -> str:
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}}}\n"


HEADERS = {
    "terabytes": described("(1000000000000, 1, 8, 8)"),
    "no pixels": described("(1000000000000, 1, 0, 8)"),
    "no pixels at all": described("(1000000000000, 0)"),
    "negative": described("(-5, 1, 8, 8)"),
    "beyond numbers": described(f"({'9' * 400}, 1, 8, 8)"),
    "floats for a shape": described("(5.0, 1, 8, 8)"),
    "text for a shape": described("'abc'"),
    "objects": described("(5, 1, 8, 8)", "'|O'"),
    "objects in a record": described("(5, 1, 8, 8)", "[('a', '|O')]"),
    "a record": described("(5, 1, 8, 8)", "[('a', '|u1'), ('b', '<f8')]"),
    "no type": described("(5, 1, 8, 8)", "'|zz'"),
    "a type of no size": described("(5, 1, 8, 8)", "'|V0'"),
    "dates": described("(5, 1, 8, 8)", "'<M8[ns]'"),
    "code": "__import__('os').system('true')\n",
    "brackets": "(" * 9000,
    "minuses": "-" * 9000 + "1",
    "a giant": " " * 60_000,
    "no text": "\x00\xff" * 100,
    "python 2": described("(5L, 1L, 8L, 8L)"),
    "odd escapes": described("(5, 1, 8, 8)", "'\\z'"),
    "too many dimensions": described(f"({'1, ' * 100})"),
}


@pytest.mark.parametrize("inside", [False, True], ids=["npy", "npz"])
@pytest.mark.parametrize("name", HEADERS)
def test_a_header_that_lies_is_refused(tmp_path: Path, name: str, inside: bool) -> None:
    content = npy(HEADERS[name], bytes(5 * 64 - 1))
    path = tmp_path / ("a.npz" if inside else "a.npy")
    if inside:
        zipped(path, ("images.npy", content))
    else:
        path.write_bytes(content)
    refusal(path)


@pytest.mark.parametrize("version", [b"\2\0", b"\3\0", b"\4\0", b"\xff\xff"])
def test_a_header_that_is_longer_than_its_file_is_refused(tmp_path: Path, version: bytes) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(b"\x93NUMPY" + version + b"\xff" * 4 + bytes(100))
    refusal(path)


def test_the_order_of_fortran_is_read(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (4, 3, 6, 7), dtype=np.uint8)
    path = tmp_path / "a.npy"
    np.save(path, np.asfortranarray(images))
    source = open_source(path)
    assert all(np.array_equal(source.load(i), images[i]) for i in range(4))
    assert prepare_dataset(path, cache_dir=tmp_path / "cache").report["used"] == 4


def test_an_npz_that_unpacks_absurdly_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez_compressed(path, images=np.zeros((1000, 1, 200, 200), np.uint8))
    assert "which is implausible for images" in refusal(path)


@pytest.mark.parametrize("how", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_npz_packed_in_an_unusual_way_is_not_unpacked(tmp_path: Path, how: int) -> None:
    """64 MiB of zeros whose directory says 1,000 bytes: bzip2 would give all of them at once."""
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w", how) as archive, archive.open("images.npy", "w") as file:
        for _ in range(64):
            file.write(bytes(1 << 20))
    assert "unsupported compression" in refusal(with_directory(path, "images.npy", 24, "<I", 1000))


def test_an_npz_whose_directory_promises_more_than_the_file_holds_is_not_unpacked(
    tmp_path: Path,
) -> None:
    path = zipped(tmp_path / "a.npz", ("images.npy", npy(HEADERS["dates"], bytes(100))))
    assert "unsupported compression" in refusal(
        with_directory(path, "images.npy", 20, "<I", 1 << 20)
    )


def test_labels_that_are_objects_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    labels = np.array([{}, {}], dtype=object)
    np.savez(path, images=np.zeros((2, 1, 8, 8), np.uint8), labels=labels)
    assert "not a readable array of numbers" in refusal(path)


# ---- IDX


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize(
    "content",
    [
        idx(2**32 - 1, 0, 0),
        idx(2**32 - 1, 1, 1, data=bytes(100)),
        idx(2**32 - 1, 2**32 - 1, 2**32 - 1),
        idx(5, 8, 8, data=bytes(5 * 64 - 1)),
        idx(5, 8, 8, data=bytes(5 * 64 + 1)),
        idx(5, 8, 8, data=bytes(5 * 64), kind=13),
        idx(5, 2, 8, 8, data=bytes(5 * 128)),
        idx(5, data=bytes(5)),
        idx(),
        idx(*[1] * 255, data=b"x"),
        b"\0\0\x08",
        b"",
    ],
)
def test_idx_files_that_lie_are_refused(
    tmp_path: Path, content: bytes, pack: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / ("train-images-idx3-ubyte" + (".gz" if pack is gzip.compress else ""))
    path.write_bytes(pack(content))
    refusal(path)


def test_an_idx_file_that_unpacks_absurdly_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(idx(10**6, 8, 8, data=bytes(64 * 10**6))))
    assert "damaged" in refusal(path)


def test_a_count_of_labels_is_compared_before_they_are_read(tmp_path: Path) -> None:
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(5, 8, 8, data=bytes(5 * 64)))
    labels = tmp_path / "train-labels-idx1-ubyte.gz"
    labels.write_bytes(gzip.compress(idx(30 * 10**6, data=bytes(30 * 10**6))))
    assert "holds 5 images but 30000000 labels" in refusal(tmp_path)


@pytest.mark.parametrize("cut", [5, 15, 40, -4])
def test_a_gzip_that_breaks_off_is_refused(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "train-images-idx3-ubyte.gz"
    pixels = np.random.default_rng(0).bytes(5 * 64)
    path.write_bytes(gzip.compress(idx(5, 8, 8, data=pixels))[:cut])
    refusal(path)


# ---- pipes and devices in place of archives


@pytest.mark.parametrize("name", ["a.zip", "a.npy", "train-images-idx3-ubyte", "a.png"])
def test_a_pipe_is_never_waited_for(tmp_path: Path, name: str) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("this system has no pipes in folders")
    os.mkfifo(tmp_path / name)
    if name == "a.png":
        with pytest.raises(BrokenImageError, match="is a pipe or a device, not a file"):
            open_source(tmp_path).load(0)
    else:
        assert "no images among its 1 files" in refusal(tmp_path)
    assert "is neither a file nor a folder" in refusal(tmp_path / name)
