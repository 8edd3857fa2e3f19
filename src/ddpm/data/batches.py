"""Endless shuffled batches that depend on (seed, step) alone: resuming needs no saved state."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ddpm.data.pieces import Images
from ddpm.errors import RequestError

_STREAM = 0  # keeps the order of the images apart from the random numbers of their augmentation


class Batches:
    """Step k's images: positions k·B … (k+1)·B - 1 of an endless row of shuffled epochs.

    Epoch e is one permutation of all images, drawn from (seed, e); a batch runs across the border
    of two epochs, so no image is dropped, and a set smaller than the batch repeats.

    ``images`` uint8 [N, C, H, W] (a memory map will do), ``indices`` those to use, ``labels``
    int64 [N] or None, ``augment`` maps (uint8 batch, seed, step) to a batch of the same shape.
    Images stay where they are; an epoch's order takes 4 bytes an image.
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

    def __len__(self) -> int:
        """Images in one epoch."""
        return len(self._rows)

    def epoch_of(self, step: int) -> int:
        """The epoch that the first image of this step belongs to."""
        return step * self.batch_size // len(self)

    def batch(self, step: int) -> tuple[Tensor, Tensor | None]:
        """Step ``step``'s images, uint8 [B, C, H, W], and their labels, int64 [B], or None."""
        rows = self._rows[self._chosen(step)]
        images = torch.from_numpy(np.asarray(self._images[rows]))
        if self.augment is not None:
            images = self.augment(images, self.seed, step)
        labels = None if self._labels is None else torch.from_numpy(self._labels[rows])
        return images, labels

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
