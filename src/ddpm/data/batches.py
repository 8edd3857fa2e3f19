"""Endless shuffled batches that depend on (seed, step) alone: resuming needs no saved state."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ddpm.data.mapped_array import Images
from ddpm.data.transfer import to_device
from ddpm.errors import RequestError

_STREAM = 0  # keeps the order of the images apart from the random numbers of their augmentation
_BLOCK = 1024  # images that go to a device at once


class Batches:
    """Step k's images: positions k·B … (k+1)·B - 1 of an endless row of shuffled epochs.

    Epoch e is one permutation of all images, drawn from (seed, e); a batch runs across the border
    of two epochs, so no image is dropped, and a set smaller than the batch repeats.

    ``images`` uint8 [N, C, H, W] (a memory map will do), ``indices`` those to use, ``labels``
    int64 [N] or None, ``augment`` maps (uint8 batch, seed, step) to a batch of the same shape.
    Images stay where they are, unless `send_to` puts them elsewhere; an epoch's order takes 4 bytes an
    image.
    """

    def __init__(
        self,
        images: Images,
        indices: NDArray[np.int64],
        labels: NDArray[np.int64] | None,
        batch_size: int,
        seed: int,
        augment: Callable[[Tensor, int, int], Tensor] | None = None,
    ) -> None:
        if len(indices) == 0:
            raise RequestError("There are no images to train on; give a set of at least two.")
        self._images = images
        self._rows = indices  # an epoch's order speaks of places in it
        self._labels = labels
        self.batch_size = batch_size
        self.seed = seed
        self.augment = augment
        self._orders: dict[int, NDArray[np.uint32]] = {}
        self._device = torch.device("cpu")
        self._held: Tensor | None = None  # all images to use, on the device

    def __len__(self) -> int:
        """Images in one epoch."""
        return len(self._rows)

    def epoch_of(self, step: int) -> int:
        """The epoch that the first image of this step belongs to."""
        return step * self.batch_size // len(self)

    def send_to(self, device: torch.device, most: int | None = None) -> int:
        """Give batches on `device` from now on, and keep the images there if they take `most` bytes or fewer.

        `most` None: a quarter of what is free on a graphics card, elsewhere nothing. Returns the bytes
        that are kept. The batches are the same either way; Apple's devices get theirs as before.
        """
        if device.type == "mps":  # its bicubic views are made on the CPU
            return 0
        self._device = device
        if most is None:
            most = torch.cuda.mem_get_info(device)[0] // 4 if device.type == "cuda" else 0
        shape = (len(self), *self._images.shape[1:])
        if math.prod(shape) > most:
            return 0
        self._held = torch.empty(shape, dtype=torch.uint8, device=device)
        for start in range(0, len(self), _BLOCK):
            rows = self._rows[start : start + _BLOCK]
            self._held[start : start + _BLOCK] = torch.from_numpy(np.asarray(self._images[rows]))
        return math.prod(shape)

    def batch(self, step: int) -> tuple[Tensor, Tensor | None]:
        """Step ``step``'s images, uint8 [B, C, H, W], and their labels, int64 [B], or None."""
        chosen = self._chosen(step)
        rows = self._rows[chosen]
        if self._held is None:
            images = to_device(torch.from_numpy(np.asarray(self._images[rows])), self._device)
        else:
            images = self._held[to_device(torch.from_numpy(chosen.astype(np.int64)), self._device)]
        if self.augment is not None:
            images = self.augment(images, self.seed, step)
        if self._labels is None:
            return images, None
        return images, to_device(torch.from_numpy(self._labels[rows]), self._device)

    def _chosen(self, step: int) -> NDArray[np.uint32]:
        """Which of the images, [B]: a window on the endless row of permutations."""
        start, stop, n = step * self.batch_size, (step + 1) * self.batch_size, len(self)
        epochs = range(start // n, (stop - 1) // n + 1)
        return np.concatenate(
            [self._order(e)[max(start - e * n, 0) : stop - e * n] for e in epochs]
        )

    def _order(self, epoch: int) -> NDArray[np.uint32]:
        """The permutation of one epoch; the last two are kept, as a batch may need both."""
        if epoch not in self._orders:
            for old in sorted(self._orders)[:-1]:
                del self._orders[old]
            rng = np.random.default_rng((self.seed, epoch, _STREAM))
            self._orders[epoch] = rng.permutation(len(self)).astype(np.uint32)
        return self._orders[epoch]
