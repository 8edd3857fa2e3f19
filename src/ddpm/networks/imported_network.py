"""Networks of other programs, whose settings `ddpm import` writes as a layout."""

from __future__ import annotations

from ddpm.networks.denoising_network import DenoisingNetwork


class ImportedNetwork(DenoisingNetwork):
    """A network of another program; it sees the time alone, neither labels nor augmentation.

    ValueError: it is asked for classes or augmentation labels.
    """

    def __init__(self, multiple: int = 1, *, num_classes: int = 0, augment_labels: int = 0) -> None:
        super().__init__(multiple)
        if num_classes:
            raise ValueError("an imported network takes no labels; set data.labels=false")
        if augment_labels:
            raise ValueError(
                "an imported network is not told its augmentation; set data.augment=0 and use data.flip"
            )
