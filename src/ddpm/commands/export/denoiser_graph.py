"""The denoiser of a model as one module of plain tensors, which the ONNX exporter traces."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ddpm.diffusion.guidance import guide
from ddpm.models.base import DiffusionModel


class DenoiserGraph(nn.Module):
    """x_t [N, C, H, W], t [N], labels [N], guidance [] → the predicted clean image [N, C, H, W].

    The image is not clipped. Times and labels are int32: a browser would need 64-bit integers else. A model
    without classes takes no labels and no guidance. Label `num_classes` means "no label".
    """

    def __init__(self, model: DiffusionModel) -> None:
        super().__init__()
        self.network, self.objective = model.averaged
        self.num_classes = model.spec.num_classes
        self.register_buffer("signal", model.schedule.signal.to(torch.float32))
        self.register_buffer("sigma", model.schedule.sigma.to(torch.float32))

    def forward(
        self, x: Tensor, t: Tensor, labels: Tensor | None = None, guidance: Tensor | None = None
    ) -> Tensor:
        if labels is None or guidance is None:
            return self.predict(x, t, labels)
        none = torch.full_like(labels, self.num_classes)
        both = self.predict(torch.cat([x, x]), torch.cat([t, t]), torch.cat([labels, none]))
        conditional, unconditional = both.chunk(2)
        scale: float = guidance  # type: ignore[assignment]  # a tensor [], so that it stays an input
        return guide(conditional, unconditional, scale)

    def predict(self, x: Tensor, t: Tensor, labels: Tensor | None) -> Tensor:
        """Return the predicted clean image; a learned variance is left out."""
        times = t.to(torch.int64)
        signal = self.get_buffer("signal")[times].view(-1, 1, 1, 1)
        sigma = self.get_buffer("sigma")[times].view(-1, 1, 1, 1)
        classes = None if labels is None else labels.to(torch.int64)
        output = self.network(self.objective.network_input(x, signal, sigma), times, classes)
        return self.objective.to_x0(output[:, : x.shape[1]], x, signal, sigma)
