"""Endless shuffled batches, a function of (seed, step) alone, so resuming needs no saved state."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ddpm.arguments import check_whole
from ddpm.data.mapped_array import MappedImages
from ddpm.data.transfer import to_device
from ddpm.errors import RequestError

_STREAM = 0  # separates these random numbers from those of the augmentation
_BLOCK = 1024  # images copied to a device at once


class Batches:
    """Batches of an endless sequence of shuffled epochs: step k takes positions k·B … (k+1)·B - 1.

    Epoch e is one permutation of all images, drawn from (seed, e). A batch may span two epochs, so no
    image is dropped, and a set smaller than the batch repeats.

    `images`: uint8 [N, C, H, W], possibly memory-mapped. `indices`: rows to use. `labels`: int64
    [N] or None. `augment`: maps (uint8 batch, seed, step) to a batch of the same shape. The order of
    an epoch takes 4 bytes per image. Raises RequestError if `indices` is empty, or for an argument of the
    wrong type.
    """

    def __init__(
        self,
        images: MappedImages,
        indices: NDArray[np.int64],
        labels: NDArray[np.int64] | None,
        batch_size: int,
        seed: int,
        augment: Callable[[Tensor, int, int], Tensor] | None = None,
    ) -> None:
        check_whole("batch_size", batch_size)
        check_whole("seed", seed, 0)
        for name, values, dtypes, sides in (
            ("images", images, ("uint8",), 4),
            ("indices", indices, ("int64", "int32", "uint32"), 1),
        ):
            dtype, shape = str(getattr(values, "dtype", "")), getattr(values, "shape", ())
            if dtype not in dtypes or len(shape) != sides:
                found = f"{dtype} {list(shape)}" if dtype else type(values).__name__
                raise RequestError(
                    f"{name} must be an array of {dtypes[0]} with {sides} dimensions, not {found}."
                )
        if len(indices) == 0:
            raise RequestError(
                "There are no images to train on. Pass a data set of at least two images."
            )
        self._images = images
        self._rows = indices
        self._labels = labels
        self.batch_size = batch_size
        self.seed = seed
        self.augment = augment
        self._orders: dict[int, NDArray[np.uint32]] = {}
        self._device = torch.device("cpu")
        self._device_images: Tensor | None = None  # all rows of `indices`, if kept on the device

    def __len__(self) -> int:
        """Return the number of images in one epoch."""
        return len(self._rows)

    def epoch_of(self, step: int) -> int:
        """Return the epoch of the first image of this step."""
        return step * self.batch_size // len(self)

    def move_to(self, device: torch.device, max_bytes: int | None = None) -> int:
        """Move later batches to `device`, and keep all images there if they fit in `max_bytes`.

        The default is a quarter of the free memory of a CUDA device, and 0 elsewhere. Returns the number of
        bytes kept there. The batches have the same bits either way. MPS is ignored.
        """
        if device.type == "mps":  # on MPS the bicubic augmentation runs on the CPU
            return 0
        self._device = device
        if max_bytes is None:
            max_bytes = torch.cuda.mem_get_info(device)[0] // 4 if device.type == "cuda" else 0
        shape = (len(self), *self._images.shape[1:])
        if math.prod(shape) > max_bytes:
            return 0
        self._device_images = torch.empty(shape, dtype=torch.uint8, device=device)
        for start in range(0, len(self), _BLOCK):
            rows = self._rows[start : start + _BLOCK]
            self._device_images[start : start + _BLOCK] = torch.from_numpy(
                np.asarray(self._images[rows])
            )
        return math.prod(shape)

    def batch(self, step: int) -> tuple[Tensor, Tensor | None]:
        """Return the images of this step, uint8 [B, C, H, W], and their labels, int64 [B] or None."""
        positions = self._positions(step)
        rows = self._rows[positions]
        if self._device_images is None:
            images = to_device(torch.from_numpy(np.asarray(self._images[rows])), self._device)
        else:
            images = self._device_images[
                to_device(torch.from_numpy(positions.astype(np.int64)), self._device)
            ]
        if self.augment is not None:
            images = self.augment(images, self.seed, step)
        if self._labels is None:
            return images, None
        return images, to_device(torch.from_numpy(self._labels[rows]), self._device)

    def _positions(self, step: int) -> NDArray[np.uint32]:
        """Return positions in `indices` [B]: a window of the endless sequence of permutations."""
        start, stop, n = step * self.batch_size, (step + 1) * self.batch_size, len(self)
        epochs = range(start // n, (stop - 1) // n + 1)
        return np.concatenate(
            [self._order(e)[max(start - e * n, 0) : stop - e * n] for e in epochs]
        )

    def _order(self, epoch: int) -> NDArray[np.uint32]:
        """Return the permutation of one epoch. The last two are cached, because a batch may span both."""
        if epoch not in self._orders:
            for old in sorted(self._orders)[:-1]:
                del self._orders[old]
            rng = np.random.default_rng((self.seed, epoch, _STREAM))
            self._orders[epoch] = rng.permutation(len(self)).astype(np.uint32)
        return self._orders[epoch]
