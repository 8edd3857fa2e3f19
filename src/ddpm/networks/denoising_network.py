"""The interface of a denoising network, as training, sharding and the report use it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ddpm.networks.outline import Row, outline


class DenoisingNetwork(nn.Module):
    """A network that maps noisy images and their times to a tensor of the same height and width.

    It does not depend on a loss or a schedule. A subclass implements `predict` and, for
    sharding, `stages`; if it sees more than the time, also `embed` (see `ConditionedNetwork`). Parts with an
    `outline_kind` are single rows of the outline (see `outline.outline`).

    Args:
        multiple: heights and widths that `predict` accepts are multiples of it.
    """

    attention_sides: tuple[int, ...] = ()  # sides of the feature maps at which attention can act
    optional_parts: tuple[str, ...] = ("transform", "uncertainty")  # absent weights are zeros

    def __init__(self, multiple: int = 1) -> None:
        super().__init__()
        self.multiple = multiple
        self.uncertainty: nn.Module | None = None  # of the loss at each time, if it is learned

    def forward(
        self,
        x: Tensor,
        t: Tensor,
        labels: Tensor | None = None,
        augment_labels: Tensor | None = None,
    ) -> Tensor:
        """Return the output [N, C_out, H, W] for images x [N, C, H, W] at times t [N].

        No labels [N] means "no label"; no augment_labels [N, 9] means no augmentation. Any H and W: zeros
        are added below and at the right up to a multiple of `multiple`, and the output is cropped.
        """
        height, width = x.shape[-2:]
        x = F.pad(x, (0, -width % self.multiple, 0, -height % self.multiple))
        return self.predict(x, self.embed(t, labels, augment_labels))[..., :height, :width]

    def embed(
        self, t: Tensor, labels: Tensor | None, augment_labels: Tensor | None = None
    ) -> Tensor:
        """Return what `predict` sees of times, labels and augmentation; here the times t [N] alone."""
        return t

    def predict(self, x: Tensor, embedding: Tensor) -> Tensor:
        """Return the output [N, C_out, H, W] for images x of padded size and the result of `embed`."""
        raise NotImplementedError

    def stages(self) -> Iterable[nn.Module]:
        """Return the blocks whose weights are gathered one at a time when the network is sharded."""
        return ()

    def normalize_weights(self) -> None:
        """Bring the weights back to their constraint, if the network has one.

        Training calls it after every optimizer step.
        """

    def outline(self, image_shape: tuple[int, int, int], device: torch.device) -> list[Row]:
        """Return the layers in the order in which an image [C, H, W] passes through them."""
        x = torch.zeros(1, *image_shape, device=device, dtype=torch.float32)
        return outline(self, x, torch.zeros(1, dtype=torch.int64, device=device))

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:
        """Load weights with or without the `optional_parts` into either kind of network.

        Weights of a part that this network lacks are ignored. A part that the weights lack gets zeros, which
        do not change samples.
        """

        def is_optional(name: str) -> bool:
            return any(part in self.optional_parts for part in name.split("."))

        state = {name: value for name, value in state_dict.items() if not is_optional(name)}
        for name, own in self.state_dict().items():
            if is_optional(name):
                state[name] = state_dict.get(name, torch.zeros_like(own))
        return super().load_state_dict(state, strict, assign)
