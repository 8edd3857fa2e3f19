"""A diffusion model whose denoiser is an ONNX file, evaluated by onnxruntime. It samples and cannot train."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor, nn

from ddpm.config import Config
from ddpm.diffusion.objectives import X0, training_loss
from ddpm.diffusion.schedules import make_schedule
from ddpm.errors import RequestError
from ddpm.models.autoguidance import Guides, Predictor
from ddpm.models.base import Metrics
from ddpm.models.reverse_process import ReverseProcess
from ddpm.models.spec import ModelSpec
from ddpm.networks.outline import Row
from ddpm.optim.compiling import Compiled
from ddpm.optim.state import State

Evaluate = Callable[[Mapping[str, Any]], Any]  # inputs by name → x0, arrays


class OnnxDenoiser(nn.Module):
    """x_t [N, C, H, W], t [N], labels [N] → the predicted clean image, by `evaluate`, on the CPU."""

    def __init__(self, evaluate: Evaluate, num_classes: int) -> None:
        super().__init__()
        self.evaluate = evaluate
        self.num_classes = num_classes

    def forward(self, x: Tensor, t: Tensor, labels: Tensor | None = None) -> Tensor:
        inputs = {"x": x.contiguous().numpy(), "t": t.to(torch.int32).numpy()}
        if self.num_classes:
            classes = torch.full_like(t, self.num_classes) if labels is None else labels
            inputs["labels"] = classes.to(torch.int32).numpy()
        return torch.from_numpy(np.asarray(self.evaluate(inputs)))


class OnnxModel(ReverseProcess):
    """The model of an ONNX file that `ddpm export --to onnx` wrote.

    Its network predicts the clean image, whatever the objective of the training was.
    """

    def __init__(self, spec: ModelSpec, evaluate: Evaluate, file_bytes: bytes) -> None:
        diffusion = spec.config.diffusion
        self.spec = spec
        self.device = torch.device("cpu")
        self.precision = "fp32"
        self.schedule = make_schedule(diffusion.schedule, diffusion.num_steps, **diffusion.betas)
        self.objective = X0
        self.guides = Guides()
        self.network = OnnxDenoiser(evaluate, spec.num_classes)
        self.file_bytes = torch.frombuffer(bytearray(file_bytes), dtype=torch.uint8)

    @property
    def averaged(self) -> Predictor:
        """The denoiser, and the objective of predicting the clean image."""
        return Predictor(self.network, self.objective)

    @torch.no_grad()
    def image_losses(self, images: Tensor, labels: Tensor | None) -> Tensor:
        """Return the mean squared error [N] of the predicted clean images, at evenly spaced times."""
        count = len(images)
        t = (2 * torch.arange(count) + 1) * len(self.schedule) // (2 * count)
        noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(0))
        classes = labels if self.spec.num_classes else None
        return training_loss(
            lambda x, times: self.network(x, times, classes), self.schedule, X0, images, t, noise
        )

    def averaged_weights(self) -> dict[str, Tensor]:
        """Return the bytes of the file, which identify the model."""
        return {"onnx": self.file_bytes}

    def state(self) -> State:
        """Return the bytes of the file as the weights for sampling."""
        return {"ema": self.averaged_weights()}

    def training_step(self, images: Tensor, labels: Tensor | None, step: int) -> Metrics:
        """Raise RequestError: an ONNX file cannot be trained."""
        self._refuse_training()

    def heldout_loss(self, images: Tensor, labels: Tensor | None) -> Metrics:
        """Raise RequestError: an ONNX file cannot be trained."""
        self._refuse_training()

    def load_state(self, state: State) -> None:
        """Raise RequestError: the weights of an ONNX file cannot be replaced."""
        self._refuse_training()

    def set_total_steps(self, config: Config) -> None:
        """Raise RequestError: an ONNX file cannot be trained."""
        self._refuse_training()

    def compile(self) -> Compiled:
        """Raise RequestError: an ONNX file cannot be trained."""
        self._refuse_training()

    def _refuse_training(self) -> NoReturn:
        raise RequestError(
            "An ONNX file can be sampled and evaluated, but not trained; train the run that it was "
            "exported from."
        )

    def unsharded(self) -> OnnxModel:
        """Return the model itself."""
        return self

    def parameter_counts(self) -> dict[str, int]:
        """Return {}: the file does not list its parameters."""
        return {}

    def outlines(self) -> dict[str, list[Row]]:
        """Return {}: the file holds operations, not layers."""
        return {}

    def describe(self) -> list[str]:
        """Return where the network runs."""
        return [f"an ONNX file of {len(self.file_bytes) / 1e6:.1f} MB, on the CPU by onnxruntime"]
