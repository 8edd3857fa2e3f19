"""The denoiser of a model as one module of plain tensors, which the ONNX exporter traces."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ddpm.diffusion.guidance import guide
from ddpm.models.base import DiffusionModel
from ddpm.models.onnx_model import ESTIMATE
from ddpm.networks.self_conditioning import join_estimate

GUIDANCE = "guidance"


class DenoiserGraph(nn.Module):
    """Inputs named `names` → the predicted clean image [N, C, H, W], not clipped.

    Inputs: x (x_t) [N, C, H, W], t [N], labels [N], estimate [N, C, H, W], guidance []. Times and labels are
    int32: a browser would need 64-bit integers else. Label `num_classes` means "no label". The estimate is
    the previous prediction of a self-conditioned network, zeros before the first.
    """

    def __init__(self, model: DiffusionModel, names: Sequence[str]) -> None:
        super().__init__()
        self.network, self.objective = model.averaged
        self.names = tuple(names)
        self.num_classes = model.spec.num_classes
        self.register_buffer("signal", model.schedule.signal.to(torch.float32))
        self.register_buffer("sigma", model.schedule.sigma.to(torch.float32))

    def forward(self, *values: Tensor) -> Tensor:
        inputs = dict(zip(self.names, values, strict=True))
        x, t = inputs["x"], inputs["t"]
        labels, estimate = inputs.get("labels"), inputs.get(ESTIMATE)
        if GUIDANCE not in inputs or labels is None:
            return self.predict(x, t, labels, estimate)
        none = torch.full_like(labels, self.num_classes)
        twice = None if estimate is None else torch.cat([estimate, estimate])
        both = self.predict(torch.cat([x, x]), torch.cat([t, t]), torch.cat([labels, none]), twice)
        conditional, unconditional = both.chunk(2)
        scale: float = inputs[GUIDANCE]  # type: ignore[assignment]  # a tensor [], so that it stays an input
        return guide(conditional, unconditional, scale)

    def predict(
        self, x: Tensor, t: Tensor, labels: Tensor | None, estimate: Tensor | None = None
    ) -> Tensor:
        """Return the predicted clean image; a learned variance is left out."""
        times = t.to(torch.int64)
        signal = self.get_buffer("signal")[times].view(-1, 1, 1, 1)
        sigma = self.get_buffer("sigma")[times].view(-1, 1, 1, 1)
        classes = None if labels is None else labels.to(torch.int64)
        scaled = self.objective.network_input(x, signal, sigma)
        output = self.network(join_estimate(self.network, scaled, estimate), times, classes)
        return self.objective.to_x0(output[:, : x.shape[1]], x, signal, sigma)
