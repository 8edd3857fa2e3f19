"""Networks whose blocks see time, class label and augmentation as one vector [N, dim]."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from ddpm.networks.denoising_network import DenoisingNetwork
from ddpm.networks.embeddings import class_labels
from ddpm.networks.initialization import zero_init


class ConditionedNetwork(DenoisingNetwork):
    """A network whose blocks see time, class label and augmentation as one vector [N, dim].

    A subclass sets `time`, `label` and `transform`: embeddings of t, of class labels and of augmentation
    labels, each to [N, dim]. The last two are None in a network without them.

    Args of the constructors of subclasses:
        in_channels, out_channels: of the image and of the prediction.
        image_size: (H, W) in pixels.
        dropout: the probability of dropping an activation in the residual branches.
        num_classes: 0 for none; label num_classes then means "no label" (classifier-free guidance).
        augment_labels: the number of augmentation labels of an image; 0 for none.
        num_steps: T, the range of t.
        time_embedding: standard or slide, see `embeddings.frequencies`.
    """

    time: nn.Module
    label: nn.Module | None
    transform: nn.Linear | None

    def __init__(self, num_classes: int, multiple: int) -> None:
        super().__init__(multiple)
        self.num_classes = num_classes

    def embed(
        self, t: Tensor, labels: Tensor | None, augment_labels: Tensor | None = None
    ) -> Tensor:
        """Return time, class label and augmentation as one vector [N, dim].

        None means "no label" and no augmentation. ValueError: the numbers of labels and images differ.
        """
        embedding: Tensor = self.time(t)
        if self.label is not None:
            label = self.label(class_labels(labels, t, self.num_classes))
            embedding = self.join_label(embedding, label)
        if self.transform is not None and augment_labels is not None:
            embedding = embedding + self.transform(augment_labels)
        return self.activate(embedding)

    def join_label(self, embedding: Tensor, label: Tensor) -> Tensor:
        """Return the sum of the embeddings of time and label, [N, dim] each."""
        return embedding + label

    def activate(self, embedding: Tensor) -> Tensor:
        """Return the nonlinearity at the end of the embedding [N, dim]."""
        return F.silu(embedding)


def augmentation_embedding(augment_labels: int, dim: int) -> nn.Linear | None:
    """Return a linear layer [N, augment_labels] → [N, dim] that starts at zero; None without labels."""
    return zero_init(nn.Linear(augment_labels, dim, bias=False)) if augment_labels else None
