"""Image files that no camera made: cut at every structure, lying, exploding, oddly named. No randomness.

Each file lies in `good/` (it must be used), `bad/` (it must be refused with a reason) or `either/`
(either will do: where a cut leaves all pixels, decoders differ).
"""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

Files = dict[str, bytes]  # name below the corpus, with / between folders → content

HEIGHT, WIDTH = 12, 10
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
ICC = b"not a profile at all" * 20
MANY_SCANS = 2000


def corpus() -> Files:
    """Every file that any system can hold."""
    return {**cuts(), **flips(), **shapes(), **lies(), **bombs(), **strangers(), **oddities()}


def picture(seed: int, mode: str = "RGB", size: tuple[int, int] = (WIDTH, HEIGHT)) -> Image.Image:
    """Noise, so that nothing packs well and every image is another one."""
    rng = np.random.default_rng(seed)
    image = Image.fromarray(rng.integers(0, 256, (size[1], size[0], 4), dtype=np.uint8))
    return image if mode == "RGBA" else image.convert(mode)


def encode(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    """A PNG chunk."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, bits: int, color: int, rows: bytes, *extra: bytes) -> bytes:
    """A PNG from its raw filtered rows; interlaced where color's bit 8 is set."""
    head = struct.pack(">IIBBBBB", width, height, bits, color & 255, 0, 0, color >> 8)
    data = chunk(b"IHDR", head) + b"".join(extra) + chunk(b"IDAT", zlib.compress(rows, 9))
    return PNG_MAGIC + data + chunk(b"IEND", b"")


# ---- truncated at every structure


def cuts() -> Files:
    """Each whole file of `wholes`, and its beginnings that end at or inside each of its structures."""
    files: Files = {}
    for name, (data, places) in wholes().items():
        files[f"good/whole-{name}"] = data
        ends = sorted({p + d for p in places for d in (0, 1, 5)} & set(range(1, len(data))))
        for end in ends:
            files[f"{verdict_of_cut(data, end)}/cut-{end:05d}-{name}"] = data[:end]
    return files


def verdict_of_cut(data: bytes, end: int) -> str:
    """Less than half of a file of noise cannot hold all pixels."""
    return "bad" if end < len(data) // 2 else "either"


def wholes() -> dict[str, tuple[bytes, list[int]]]:
    """A file of each format, and where its structures begin."""
    exif = Image.Exif()
    exif[0x0112] = 6
    second = picture(2)
    a_png = encode(picture(1, "RGBA"), "PNG", exif=exif, icc_profile=ICC)
    a_jpeg = encode(picture(3), "JPEG", exif=exif.tobytes(), comment=b"hello")
    progressive = encode(picture(4, size=(40, 40)), "JPEG", progressive=True)
    a_gif = encode(picture(5, "P"), "GIF", save_all=True, append_images=[second], duration=10)
    lossy = encode(picture(6, size=(40, 40)), "WEBP", quality=90)
    lossless = encode(picture(7, "RGBA"), "WEBP", lossless=True)
    moving = encode(picture(8), "WEBP", save_all=True, append_images=[second], exif=exif.tobytes())
    a_tiff = encode(picture(9), "TIFF", compression="tiff_lzw")
    a_bmp, a_ppm = encode(picture(10), "BMP"), encode(picture(11), "PPM")
    return {
        "rgba.png": (a_png, list(png_places(a_png))),
        "exif.jpg": (a_jpeg, list(jpeg_places(a_jpeg))),
        "progressive.jpg": (progressive, list(jpeg_places(progressive))),
        "moving.gif": (a_gif, list(gif_places(a_gif))),
        "lossy.webp": (lossy, list(riff_places(lossy))),
        "lossless.webp": (lossless, list(riff_places(lossless))),
        "moving.webp": (moving, list(riff_places(moving))),
        "lzw.tiff": (a_tiff, [2, 4, 8, len(a_tiff) // 3, len(a_tiff) - 40]),
        "plain.bmp": (a_bmp, [2, 10, 14, 18, 30, 54, 100]),
        "plain.ppm": (a_ppm, [1, 3, 6, 11, 100]),
    }


def png_places(data: bytes) -> Iterator[int]:
    """Where each chunk's length, type, body and checksum begin."""
    place = len(PNG_MAGIC)
    while place < len(data):
        (length,) = struct.unpack_from(">I", data, place)
        yield from (place, place + 4, place + 8, place + 8 + length // 2, place + 8 + length)
        place += 12 + length


def jpeg_places(data: bytes) -> Iterator[int]:
    """Where each segment's marker, length and body begin, and the middle of each scan."""
    place = 2
    while data[place + 1] != 0xD9:
        (length,) = struct.unpack_from(">H", data, place + 2)
        yield from (place, place + 2, place + 4, place + 2 + length // 2)
        scan = data[place + 1] == 0xDA
        place += 2 + length
        if scan:  # entropy-coded: up to a marker that is neither stuffing nor a restart
            start = place
            while data[place] != 0xFF or data[place + 1] == 0 or 0xD0 <= data[place + 1] <= 0xD7:
                place += 1
            yield (start + place) // 2


def gif_places(data: bytes) -> Iterator[int]:
    """Header, screen, color table, then each block and sub-block."""
    yield from (3, 6, 13)
    place = 13 + (3 << ((data[10] & 7) + 1) if data[10] & 0x80 else 0)
    while data[place] != 0x3B:
        yield place
        if data[place] == 0x21:
            place += 2
        else:
            flags = data[place + 9]
            place += 10 + (3 << ((flags & 7) + 1) if flags & 0x80 else 0) + 1
        while data[place]:
            yield place
            place += 1 + data[place]
        place += 1


def riff_places(data: bytes) -> Iterator[int]:
    """Where each chunk's type, length and body begin."""
    yield from (4, 8)
    place = 12
    while place < len(data):
        (length,) = struct.unpack_from("<I", data, place + 4)
        yield from (place, place + 4, place + 8, place + 8 + length // 2)
        place += 8 + length + length % 2


def flips() -> Files:
    """A byte turned over in each tenth of each format's file."""
    files: Files = {}
    for name, (data, _) in wholes().items():
        for tenth in range(10):
            broken = bytearray(data)
            broken[tenth * (len(data) - 1) // 9] ^= 0xFF
            files[f"either/flip-{tenth}-{name}"] = bytes(broken)
    return files


# ---- honest, but rarely seen


def shapes() -> Files:
    """Every mode, turn and layout that the rule has words for."""
    files = {f"good/mode-{mode}.png": encode(picture(20 + i, mode), "PNG")
             for i, mode in enumerate(("1", "L", "LA", "P", "RGB", "RGBA"))}  # fmt: skip
    wide = np.random.default_rng(30).integers(0, 65536, (HEIGHT, WIDTH), dtype=np.uint16)
    files["good/grey-16.png"] = encode(Image.fromarray(wide), "PNG")
    files["good/grey-16.tiff"] = encode(Image.fromarray(wide[::-1].copy()), "TIFF")
    rows = b"".join(b"\0" + bytes(range(i, i + 6 * WIDTH)) for i in range(HEIGHT))
    files["good/color-16.png"] = png(WIDTH, HEIGHT, 16, 2, rows)
    files["good/interlaced.png"] = adam7()
    files["good/interlaced.gif"] = encode(picture(31, "P"), "GIF", interlace=1)
    files["good/palette-alpha.png"] = encode(
        picture(32, "P"), "PNG", transparency=bytes(range(256))
    )
    files["good/color-key.gif"] = encode(picture(33, "P"), "GIF", transparency=7)
    files["good/cmyk.jpg"] = encode(picture(34, "CMYK"), "JPEG")
    files["good/cmyk.tiff"] = encode(picture(35, "CMYK"), "TIFF")
    files["good/grey.jpg"] = encode(picture(36, "L"), "JPEG")
    frames = [picture(40 + i) for i in range(3)]
    for i, kind in enumerate(("GIF", "PNG", "WEBP", "TIFF")):
        data = encode(picture(50 + i), kind, save_all=True, append_images=frames)
        files[f"good/animated.{kind.lower()}"] = data
    for turn in (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 65535):
        exif = Image.Exif()
        exif[0x0112] = turn
        data = encode(picture(60 + turn), "JPEG", exif=exif.tobytes())
        files[f"good/turned-{turn}.jpg"] = data
    for kind in ("JPEG", "PNG", "WEBP", "TIFF"):
        files[f"good/garbage-icc.{kind.lower()}"] = encode(
            picture(80 + len(kind)), kind, icc_profile=ICC
        )
    for i, exif_bytes in enumerate(
        (b"", b"Exif\0\0", b"Exif\0\0MM\0*\xff\xff\xff\xff", b"\xff" * 999)
    ):
        data = encode(picture(90 + i), "JPEG", exif=exif_bytes)
        files[f"good/garbage-exif-{i}.jpg"] = data
    files["good/thin.png"] = encode(picture(95, size=(3000, 2)), "PNG")
    files["good/tail.png"] = encode(picture(96), "PNG") + b"PK\x03\x04" * 500
    return files


def adam7() -> bytes:
    """8 x 8 grey in seven passes (PNG specification, section 8.2)."""
    values = np.random.default_rng(37).integers(0, 256, (8, 8), dtype=np.uint8)
    # first row, row step, first column, column step
    passes = [
        (0, 8, 0, 8),
        (0, 8, 4, 8),
        (4, 8, 0, 4),
        (0, 4, 2, 4),
        (2, 4, 0, 2),
        (0, 2, 1, 2),
        (1, 2, 0, 1),
    ]
    rows = [row for y, dy, x, dx in passes for row in values[y::dy, x::dx]]
    return png(8, 8, 8, 0x100, b"".join(b"\0" + row.tobytes() for row in rows))


# ---- headers that lie


def lies() -> Files:
    """Sizes of nothing, sizes of everything, and pointers to nowhere."""
    row = b"\0" + bytes(3 * WIDTH)
    files: Files = {}
    for width, height in ((0, 5), (5, 0), (0, 0), (1, 1), (1, 40), (2**31 - 1, 2**31 - 1)):
        files[f"bad/size-{width}x{height}.png"] = png(width, height, 8, 2, row * HEIGHT)
    for width, height in ((50_000, 50_000), (100_000, 1_000), (9_000, 8_000)):
        files[f"bad/promised-{width}x{height}.png"] = png(width, height, 8, 6, row)
    for bits, color in ((3, 2), (8, 1), (16, 3), (0, 0), (255, 255)):
        files[f"bad/depth-{bits}-{color}.png"] = png(WIDTH, HEIGHT, bits, color, row * HEIGHT)
    gif = encode(picture(100, "P"), "GIF")
    bmp = encode(picture(101), "BMP")
    for width, height in ((0, 0), (65535, 65535)):
        size = struct.pack("<HH", width, height)
        files[f"either/canvas-{width}.gif"] = gif[:6] + size + gif[10:]
    frame = next(place for place in gif_places(gif) if place > 13 and gif[place] == 0x2C) + 1
    for x, y in ((65535, 65535), (0, 0)):
        box = struct.pack("<HHHH", x, y, 65535, 65535)
        files[f"bad/frame-at-{x}.gif"] = gif[:frame] + box + gif[frame + 8 :]
    for size in (0, -1, 2**31 - 1, -(2**31), 60_000):
        files[f"either/width-{size}.bmp"] = bmp[:18] + struct.pack("<i", size) + bmp[22:]
        files[f"either/height-{size}.bmp"] = bmp[:22] + struct.pack("<i", size) + bmp[26:]
    heads = (
        b"0 0 255\n",
        b"99999 99999 255\n",
        b"9 9 0\n",
        b"-3 4 255\n",
        b"9" * 5000,
        b"#" * 9000,
    )
    for i, head in enumerate(heads):
        files[f"bad/header-{i}.ppm"] = b"P6 " + head + bytes(300)
    files |= {f"bad/{name}": data for name, data in lying_tiffs().items()}
    canvas = b"VP8X" + struct.pack("<IB3x", 10, 2) + b"\xff\xff\xff" * 2
    files["bad/canvas.webp"] = b"RIFF" + struct.pack("<I", 4 + len(canvas)) + b"WEBP" + canvas
    return files


def lying_tiffs() -> Files:
    """Directories that lie where the file ends, that point to themselves or promise too much."""

    def tiff(offset: int, *entries: tuple[int, int, int, int], following: int = 0) -> bytes:
        rows = b"".join(struct.pack("<HHII", *entry) for entry in entries)
        directory = struct.pack("<H", len(entries)) + rows + struct.pack("<I", following)
        return b"II*\0" + struct.pack("<I", offset) + directory + bytes(64)

    size = ((256, 4, 1, 9), (257, 4, 1, 9))
    return {
        "nowhere.tiff": tiff(2**32 - 1),
        "at-itself.tiff": tiff(0),
        "no-entries.tiff": tiff(8),
        "loop.tiff": tiff(8, *size, following=8),
        "huge.tiff": tiff(8, (256, 4, 1, 2**32 - 1), (257, 4, 1, 2**32 - 1), (273, 4, 1, 8)),
        "no-strips.tiff": tiff(8, *size, (258, 3, 1, 8), (262, 3, 1, 1)),
        "many-values.tiff": tiff(8, *size, (273, 4, 2**31, 8), (279, 4, 2**31, 8)),
        "many-bits.tiff": tiff(8, *size, (258, 3, 2**16, 8), (277, 3, 1, 65535)),
    }


# ---- small files that ask for much memory or time


def bombs() -> Files:
    """A megapixel a kilobyte, text without end, a scan for every hair."""
    zeros = bytes(1 + 1000)
    files = {
        "good/8000x8000-bilevel.png": png(8000, 8000, 1, 0, zeros * 8000),
        "bad/9500x9500-bilevel.png": png(9500, 9500, 1, 0, bytes(1 + 1188) * 9500),
    }
    text = b"Comment\0\0" + zlib.compress(bytes(32 << 20), 9)
    row = (b"\0" + bytes(range(3 * WIDTH))) * HEIGHT
    files["bad/text.png"] = png(WIDTH, HEIGHT, 8, 2, row, chunk(b"zTXt", text))
    files["bad/profile.png"] = png(WIDTH, HEIGHT, 8, 2, row, chunk(b"iCCP", text))
    words = (chunk(b"tEXt", b"a%d\0" % i + b"x" * 9) for i in range(3000))
    files["good/3000-chunks.png"] = png(WIDTH, HEIGHT, 8, 2, row, *words)
    files["bad/scans.jpg"] = many_scans()
    files["either/unpacks.png"] = png(WIDTH, HEIGHT, 8, 2, row)[:33] + chunk(
        b"IDAT", zlib.compress(bytes(64 << 20), 9)[:-9]
    )
    frames = [picture(200 + i, "P", (4, 4)) for i in range(300)]
    files["good/300-frames.gif"] = encode(
        frames[0], "GIF", save_all=True, append_images=frames[1:], duration=10
    )
    return files


def many_scans() -> bytes:
    """A progressive JPEG whose first scan is told again and again; each goes over all the pixels."""
    data = encode(picture(110, "L", (512, 512)), "JPEG", progressive=True)
    places = [i for i in range(len(data)) if data[i : i + 2] == b"\xff\xda"]
    return data[: places[0]] + data[places[0] : places[1]] * MANY_SCANS + data[places[1] :]


# ---- no images at all, or others than their names say


def strangers() -> Files:
    """Bytes of another kind than the name says, read by what they are."""
    plain = picture(120)
    contents: dict[str, bytes] = {
        "empty": b"",
        "zero": bytes(10_000),
        "text": b"this is no picture\n" * 50,
        "html": b"<!DOCTYPE html><html><body>404</body></html>",
        "svg": b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>",
        "zip": b"PK\x03\x04" + bytes(100),
        "gzip": b"\x1f\x8b\x08" + bytes(100),
        "pdf": b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF",
        "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n",
        "icns": b"icns" + struct.pack(">I", 100) + bytes(92),
        "psd": b"8BPS\0\1" + bytes(100),
        "heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(99),
        "avif": b"\0\0\0\x1cftypavif\0\0\0\0avifmif1" + bytes(99),
        "jp2": b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(99),
        "pickle": b"\x80\x04cos\nsystem\n(S'true'\ntR.",
        "fits": b"SIMPLE  =                    T" + b" " * 3000,
        "float": encode(Image.fromarray(np.full((9, 9), 0.5, np.float32)), "TIFF"),
        "int32": encode(Image.fromarray(np.full((9, 9), 70_000, np.int32)), "TIFF"),
    }
    files = {f"bad/{name}.png": data for name, data in contents.items()}
    files["good/ico.png"] = encode(plain, "ICO")
    suffixes = {
        "JPEG": "png",
        "PNG": "jpg",
        "GIF": "webp",
        "WEBP": "gif",
        "BMP": "tiff",
        "TIFF": "bmp",
    }
    for i, (kind, suffix) in enumerate(suffixes.items()):
        files[f"good/{kind.lower()}-named.{suffix}"] = encode(picture(130 + i), kind)
    for magic in (
        PNG_MAGIC,
        b"\xff\xd8\xff\xe0",
        b"GIF89a",
        b"RIFF\x10\0\0\0WEBPVP8 ",
        b"BM",
        b"II*\0",
    ):
        files[f"bad/magic-{len(files)}.png"] = magic
    return files


def oddities() -> Files:
    """Names that are lawful everywhere, but that nobody expects."""
    names = (
        "ünïcödé",
        "  spaces  ",
        "-rf",
        "$(true)",
        "a;b&c",
        "'quoted'",
        "%s%n",
        "名前",
        "👩‍👩‍👧",
        "‮gpj",
        "a" * 200,
    )
    return {f"good/{name}.png": encode(picture(150 + i), "PNG") for i, name in enumerate(names)}


# ---- what only some systems can hold


def write(root: Path) -> dict[str, str]:
    """Write the corpus below `root`: name → verdict of each file that counts as an image."""
    for name, data in corpus().items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    for make in (_links, _raw_names, _pipe):
        make(root)
    names = (path.relative_to(root).as_posix() for path in root.rglob("*") if not path.is_dir())
    return {name: name.partition("/")[0] for name in names}


def _links(root: Path) -> None:
    """To itself, to one another, to nowhere, to the folder above, to an endless device."""
    try:
        (root / "bad" / "self.png").symlink_to("self.png")
        (root / "bad" / "ping.png").symlink_to("pong.png")
        (root / "bad" / "pong.png").symlink_to("ping.png")
        (root / "bad" / "gone.png").symlink_to("nowhere.png")
        (root / "good" / "loop").symlink_to(root, target_is_directory=True)
        if os.path.exists("/dev/zero"):
            (root / "bad" / "endless.png").symlink_to("/dev/zero")
    except OSError:  # links are not allowed to everyone on Windows
        return


def _raw_names(root: Path) -> None:
    """No UTF-8, line ends, a terminal's orders."""
    if os.name == "nt":
        return
    raw = (b"latin-\xe9.png", b"\xff\xfe.png", b"two\nlines.png", b"tab\t.png", b"\x1b[31mred.png")
    for i, name in enumerate(raw):
        path = os.path.join(os.fsencode(root), b"good", name)
        try:
            with open(path, "wb") as file:
                file.write(encode(picture(170 + i), "PNG"))
        except OSError:  # macOS takes UTF-8 alone
            continue


def _pipe(root: Path) -> None:
    """A pipe that nobody writes to: reading it never ends."""
    make: Callable[[Path], None] | None = getattr(os, "mkfifo", None)
    if make is not None:
        make(root / "bad" / "pipe.png")


def idx_bytes(*shape: int, data: bytes = b"", kind: int = 8) -> bytes:
    """An IDX file: what its header says, and any bytes behind it."""
    return struct.pack(f">HBB{len(shape)}I", 0, kind, len(shape), *shape) + data
