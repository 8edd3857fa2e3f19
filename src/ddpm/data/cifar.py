"""CIFAR-10 and CIFAR-100 in their Python version: pickled batches of 32x32 color images.

The unpickler admits numpy arrays, lists, dicts, numbers and text, and no other class or function
(https://www.cs.toronto.edu/~kriz/cifar.html).
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ddpm.data.image_source import ImageSource, NumberedNames, compute_once, natural_sort_key
from ddpm.errors import RequestError
from ddpm.terminal import printable_name

_CIFAR10 = re.compile(r"data_batch_\d+|test_batch")
_CIFAR100 = ("train", "test")
# File → key of the class names
_CLASS_NAME_KEYS = {"batches.meta": b"label_names", "meta": b"fine_label_names"}
_LABEL_KEYS = (b"labels", b"fine_labels")
_MAX_CLASSES = 100  # of CIFAR-100
_SHAPE = (3, 32, 32)


def find_batches(files: Iterable[Path]) -> list[Path]:
    """Return the batches of CIFAR-10 or CIFAR-100 among files, test batches last."""
    paths = list(files)
    batches = [path for path in paths if _CIFAR10.fullmatch(path.name)]
    if not batches and {*_CIFAR100, "meta"} <= {path.name for path in paths}:
        batches = [path for path in paths if path.name in _CIFAR100]
    return sorted(batches, key=lambda path: (_is_test(path), natural_sort_key(path.name)))


def is_cifar_name(name: str) -> bool:
    """Return whether this names a file of CIFAR-10 or CIFAR-100."""
    return _CIFAR10.fullmatch(name) is not None or name in (*_CIFAR100, *_CLASS_NAME_KEYS)


@dataclass(frozen=True)
class _Batch:
    """Facts of a batch that stay in memory; its pixels are read when an image is needed."""

    path: Path
    count: int
    labels: NDArray[np.int64] | None


def cifar_source(name: str, batches: list[Path], fingerprint: str) -> ImageSource:
    """Return the images and labels of pickled batches; those of the test batch are held out."""
    facts = [_batch_facts(path, fingerprint) for path in batches]
    counts = [batch.count for batch in facts]
    labels = [batch.labels for batch in facts if batch.labels is not None]
    numbers = np.concatenate(labels) if len(labels) == len(facts) else None
    pixels = [compute_once(partial(_pixels, path)) for path in batches]
    starts = np.cumsum([0, *counts])

    def load(index: int) -> NDArray[np.uint8]:
        part = int(np.searchsorted(starts, index, side="right")) - 1
        image: NDArray[np.uint8] = pixels[part]()[index - int(starts[part])]
        return image

    prefixes = (f"{printable_name(path.name)}/" for path in batches)
    tests = np.repeat([_is_test(path) for path in batches], counts)
    return ImageSource(
        name=name,
        kind="CIFAR batches",
        names=NumberedNames(tuple(zip(prefixes, counts, strict=True))),
        load=load,
        fingerprint=fingerprint,
        labels=numbers,
        class_names=()
        if numbers is None
        else _class_names(batches[0].parent, int(numbers.max()) + 1),
        test=np.flatnonzero(tests).tolist() if not tests.all() else (),
    )


@lru_cache(maxsize=16)
def _batch_facts(path: Path, fingerprint: str) -> _Batch:
    """Return the number of images and the labels of a batch. `fingerprint` changes with the files."""
    content = _read(path)
    count = len(_images(content, path))
    return _Batch(path, count, _labels(content, count))


def _pixels(path: Path) -> NDArray[np.uint8]:
    return _images(_read(path), path)


class _Unpickler(pickle.Unpickler):
    """An unpickler that can only build numpy arrays and plain containers."""

    def find_class(self, module: str, name: str) -> Any:
        module = module.replace("numpy.core", "numpy._core")
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"{module}.{name} is not allowed")
        return _ALLOWED[module, name]


def _empty_array(*_: object) -> NDArray[Any]:
    return np.ndarray((0,), "b")  # the pickled state that follows sets type, shape and bytes


def _array_of_bytes(buffer: bytes, dtype: np.dtype[Any], shape: Any, order: Any) -> NDArray[Any]:
    return np.frombuffer(buffer, dtype).reshape(shape, order=order)


def _encode(text: str, encoding: str) -> bytes:
    return text.encode("latin-1")


_ALLOWED: dict[tuple[str, str], Any] = {  # globals in pickled arrays and bytes of every protocol
    ("numpy._core.multiarray", "_reconstruct"): _empty_array,
    ("numpy._core.numeric", "_frombuffer"): _array_of_bytes,
    ("numpy", "ndarray"): object,  # only an argument of _reconstruct; not callable with a shape
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): _encode,
}


def _read(path: Path) -> dict[Any, Any]:
    try:
        with path.open("rb") as file:
            content = _Unpickler(file, encoding="bytes").load()
    except Exception as error:  # unpicklers raise nearly anything on damaged bytes
        raise RequestError(f"{path} is not a readable CIFAR batch. Download it again.") from error
    if not isinstance(content, dict):
        raise RequestError(f"{path} is not a CIFAR batch. Pass the files as published.")
    return {k.encode() if isinstance(k, str) else k: value for k, value in content.items()}


def _images(content: dict[Any, Any], path: Path) -> NDArray[np.uint8]:
    data = content.get(b"data")
    if not (isinstance(data, np.ndarray) and data.dtype == np.uint8 and data.shape[1:] == (3072,)):
        raise RequestError(
            f"{path} holds no uint8 images of 3 x 32 x 32. Pass the files as published."
        )
    return data.reshape(-1, *_SHAPE)


def _labels(content: dict[Any, Any], count: int) -> NDArray[np.int64] | None:
    values = next((content[key] for key in _LABEL_KEYS if key in content), None)
    if not isinstance(values, list):
        return None
    numbers = [v for v in values if isinstance(v, int) and 0 <= v < _MAX_CLASSES]
    return np.array(numbers, np.int64) if len(numbers) == count else None


def _class_names(folder: Path, count: int) -> tuple[str, ...]:
    """Return the class names in the meta file beside the batches, else the class numbers as text."""
    for file, key in _CLASS_NAME_KEYS.items():
        if (folder / file).is_file():
            names = _read(folder / file).get(key)
            if isinstance(names, list) and len(names) >= count:
                texts = (
                    n.decode("utf-8", "replace") if isinstance(n, bytes) else str(n) for n in names
                )
                return tuple(map(printable_name, texts))
    return tuple(map(str, range(count)))


def _is_test(path: Path) -> bool:
    return path.name.startswith("test")
