"""What is fuzzed: each reader of foreign bytes, with honest inputs to begin from and what it may answer.

A target takes bytes and returns nothing; any exception but a refusal in words is a crash.
"""

from __future__ import annotations

import atexit
import functools
import gzip
import io
import json
import shutil
import tarfile
import tempfile
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import torch

from ddpm.config import Config, config_from_dict, load_config, with_overrides
from ddpm.data.decoding import decode, ignore_pillow_warnings, read_header
from ddpm.data.image_source import BrokenImageError
from ddpm.data.source_detection import open_source
from ddpm.errors import RequestError, WorkError
from ddpm.models.registry import check_weights, make_model
from ddpm.models.spec import ModelSpec
from ddpm.runs import read_metrics
from ddpm.training import checkpoint
from ddpm.training.log import TrainingLog
from ddpm.training.recovery import StartPoint
from tests.faults.hostile_images import encode, idx_bytes, picture, wholes

SPEC = ModelSpec(
    with_overrides(Config(), ["network.channels=4", "network.multipliers=[1]"]),
    (1, 4, 4),
    (0.0,),
    0.5,
)


@dataclass(frozen=True)
class Target:
    read: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]
    words: tuple[bytes, ...] = ()  # that mean something to the reader


@functools.cache
def folder() -> Path:
    """A folder of this process alone."""
    path = Path(tempfile.mkdtemp(prefix="ddpm-fuzz-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


def in_file(name: str, data: bytes) -> Path:
    """The bytes as a file of that name."""
    path = folder() / name
    path.write_bytes(data)
    return path


# ---- configurations


def read_config(data: bytes) -> None:
    try:
        config = load_config(in_file("config.json", data))
        assert config_from_dict(json.loads(json.dumps(config.to_dict()))) == config
    except RequestError as error:
        assert len(str(error)) < 5000
    text = data.decode("utf-8", "replace")
    try:
        with_overrides(Config(), text.splitlines()[:8])
    except RequestError as error:
        assert len(str(error)) < 5000


def config_seeds() -> list[bytes]:
    whole = json.dumps(Config().to_dict())
    settings = "training.steps=5\nnetwork.multipliers=[1,2]\ndata.labels=kmeans:10"
    small = '{"data": {"labels": "auto"}, "network": {"attention": [4]}, "sampling": {"eta": 0.5}}'
    return [text.encode() for text in (whole, settings, small, "{}")]


# ---- logs


def read_log(data: bytes) -> None:
    path = in_file("rows.jsonl", data)
    rows = read_metrics(path)
    log = TrainingLog(path, step=2**40, epoch_size=10)
    log.write({"step": 1, "loss": 0.5, "batch": 8})
    log.close()
    assert read_metrics(path)[: len(rows)] == rows


def log_seeds() -> list[bytes]:
    rows = [
        {"step": 1, "loss": 0.5, "loss_levels": [0.1, None, 0.3], "batch": 8, "seconds": 0.5},
        {"step": 1, "epoch": 1, "epoch_loss": 0.5},
        {"step": 2, "warning": "it learns by heart", "heldout_loss": 0.25},
    ]
    return ["".join(json.dumps(row) + "\n" for row in rows).encode(), b'{"step": 1}\n']


# ---- weights and checkpoints


def read_weights(data: bytes) -> None:
    try:
        tensors, spec = checkpoint.load_weights(in_file("w.safetensors", data), check_weights)
        assert tensors.keys() and spec.image_shape
    except RequestError as error:
        assert str(error)


def read_state(data: bytes) -> None:
    """A checkpoint's state.json, with its seal made right so that what is behind it is read."""
    place = folder() / "checkpoint"
    place.mkdir(exist_ok=True)
    try:
        row = json.loads(data)
        row["seal"] = checkpoint._seal({k: v for k, v in row.items() if k != "seal"})
        data = json.dumps(row).encode()
    except (ValueError, TypeError, AttributeError, RecursionError):
        pass  # it is read without a seal
    (place / checkpoint.STATE_FILE).write_bytes(data)
    try:
        progress = checkpoint._read_state(place)["progress"]
        start = StartPoint.at(checkpoint.Checkpoint({}, SPEC, progress))
        assert (
            start.adjustments.applied(Config()).training.learning_rate >= 0 and start.seconds >= 0
        )
        checkpoint.load(place)
    except RequestError as error:
        assert str(error)
    try:
        ModelSpec.from_json(data.decode("utf-8", "replace"))
    except RequestError as error:
        assert str(error)


def weights_seeds() -> list[bytes]:
    path = in_file("seed.safetensors", b"")
    checkpoint.save_weights(path, make_model(SPEC).averaged_weights(), SPEC)
    few = in_file("few.safetensors", b"")
    checkpoint.save_weights(few, {"a": torch.zeros(2)}, SPEC)
    return [few.read_bytes(), path.read_bytes()]


def state_seeds() -> list[bytes]:
    row = {"progress": {"step": 5, "seconds": 1.5, "rate": 0.5, "accumulate": 2}}
    sums = {"sha256": {"ema.safetensors": "0" * 64}}
    return [json.dumps({**row, **sums}).encode(), SPEC.to_json().encode()]


# ---- images and sets of them


def read_image(data: bytes) -> None:
    with ignore_pillow_warnings():
        try:
            assert read_header(data).height > 1
            assert decode(data, (8, 8), 3).shape == (3, 8, 8)
        except BrokenImageError as error:
            assert str(error)


def reader_of_set(name: str) -> Callable[[bytes], None]:
    def read(data: bytes) -> None:
        try:
            source = open_source(in_file(name, data))
            for i in range(min(len(source), 4)):
                try:
                    source.load(i)
                except BrokenImageError as error:
                    assert str(error)
        except (RequestError, WorkError) as error:
            assert "\n" not in str(error)

    return read


def zip_seeds() -> list[bytes]:
    found = []
    for how in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", how) as archive:
            archive.writestr("a/1.png", encode(picture(1), "PNG"))
            archive.writestr("b/é.png", encode(picture(2, "L", (3, 3)), "PNG"))
        found.append(buffer.getvalue())
    return found


def read_tar(data: bytes) -> None:
    """A tar, the checksums of its headers made right so that what is behind them is read."""
    whole = bytearray(data)
    for start in range(0, len(whole) - 511, 512):
        if whole[start + 257 : start + 262] == b"ustar":
            whole[start + 148 : start + 156] = b" " * 8
            total = sum(whole[start : start + 512])
            whole[start + 148 : start + 156] = b"%06o\0 " % total
    reader_of_set("a.tar")(bytes(whole))


def tar_seeds() -> list[bytes]:
    files = {
        f"{'d' * 60}/{'1' * 60}.png": encode(picture(1), "PNG"),
        "b/é.png": encode(picture(2, "L", (3, 3)), "PNG"),
        "b/é.cls": b"cat",
    }
    found = []
    for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
            for name, data in files.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
        found.append(buffer.getvalue())
    return found


def array_seeds() -> list[bytes]:
    found, images = [], np.zeros((3, 1, 4, 4), np.uint8)
    for save in (np.save, np.savez, np.savez_compressed):
        buffer = io.BytesIO()
        save(buffer, images)
        found.append(buffer.getvalue())
    buffer = io.BytesIO()
    np.savez(buffer, images=images, labels=np.arange(3))
    return [*found, buffer.getvalue()]


def idx_seeds() -> list[bytes]:
    plain = idx_bytes(3, 4, 4, data=bytes(48))
    return [plain, gzip.compress(plain, mtime=0)]


def table_seeds() -> list[bytes]:
    names = ",".join(["label", *(f"pixel{i}" for i in range(16))])
    rows = [",".join(map(str, range(start, start + 17))) for start in (1, 50, 200)]
    packed = "\n".join(["emotion,pixels,Usage", *(f"1,{' '.join(['7'] * 16)},Training",) * 3])
    plain = "\n".join([names, *rows]).encode()
    return [plain, packed.encode(), gzip.compress(plain, mtime=0)]


def parquet_seeds() -> list[bytes]:
    images = [{"bytes": encode(picture(i), "PNG"), "path": f"{i}.png"} for i in range(3)]
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table({"image": images, "label": [0, 1, 0]}), buffer)
    return [buffer.getvalue()]


def read_labels(data: bytes) -> None:
    """A table and a dataset.json of these bytes, beside four images."""
    for name in ("labels.csv", "metadata.jsonl", "dataset.json"):
        place = folder() / name.replace(".", "-")
        place.mkdir(exist_ok=True)
        for i in range(4):
            (place / f"{i}.png").write_bytes(b"x")
        (place / name).write_bytes(data)
        for labels in ("auto", "file:label"):
            try:
                source = open_source(place, labels)
                assert source.labels is None or len(source.labels) == len(source)
            except RequestError as error:
                assert "\n" not in str(error)


def label_seeds() -> list[bytes]:
    table = "file,label,x\n0.png,cat,1\n1.png,dog,2\n2.png,cat,3\n3.png,dog,1\n"
    lines = '{"file_name": "0.png", "label": 1}\n{"file_name": "1.png", "label": 2}\n'
    edm = '{"labels": [["0.png", 1], ["1.png", 2], ["2.png", [0, 1]], ["3.png", null]]}'
    return [table.encode(), table.encode("utf-16"), lines.encode(), edm.encode()]


TARGETS: dict[str, Target] = {
    "config": Target(
        read_config,
        config_seeds,
        (b'"network"', b'"training"', b"1e999", b"NaN", b"null", b"kmeans:", b"[", b'{"a":'),
    ),
    "log": Target(read_log, log_seeds, (b'"step":', b'"batch":', b'"loss":', b"NaN", b"\n", b"[[")),
    "weights": Target(
        read_weights,
        weights_seeds,
        (b'"dtype":"F32"', b'"shape":[', b'"data_offsets":[0,', b"F8_E4M3"),
    ),
    "state": Target(
        read_state, state_seeds, (b'"progress":', b'"sha256":', b'"config":', b"../", b"null")
    ),
    "image": Target(
        read_image,
        lambda: [data for data, _ in wholes().values()],
        (b"IHDR", b"IDAT", b"eXIf", b"\xff\xda", b"VP8X", b"ANMF"),
    ),
    "zip": Target(
        reader_of_set("a.zip"), zip_seeds, (b"PK\1\2", b"PK\3\4", b"PK\5\6", b"PK\6\6", b"../")
    ),
    "tar": Target(
        read_tar,
        tar_seeds,
        (b"ustar\x0000", b"ustar  \0", b"path=", b"size=", b"GNU.sparse.", b"\x80\0\0\0", b"../"),
    ),
    "array": Target(
        reader_of_set("a.npz"), array_seeds, (b"\x93NUMPY", b"'descr'", b"'|O'", b"'shape': (")
    ),
    "idx": Target(
        reader_of_set("train-images-idx3-ubyte"),
        idx_seeds,
        (b"\0\0\x08\x03", b"\xff\xff\xff\xff", b"\x1f\x8b\x08"),
    ),
    "table": Target(
        reader_of_set("train.csv"),
        table_seeds,
        (b'"', b"\n", b",,", b"1e999", b"nan", b"\xef\xbb\xbf"),
    ),
    "parquet": Target(reader_of_set("a.parquet"), parquet_seeds, (b"PAR1", b"\xff\xff\xff\x7f")),
    "labels": Target(
        read_labels,
        label_seeds,
        (b'"', b"\n", b'"labels":', b"null", b"[[[[", b"1e999", b"\\u0000"),
    ),
}
warnings.simplefilter("ignore", UserWarning)
