"""Models whose denoiser is an ONNX file, evaluated by onnxruntime. They sample and cannot be trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor

from ddpm.config import Config
from ddpm.diffusion.objectives import X0, training_loss
from ddpm.diffusion.schedules import make_schedule
from ddpm.errors import RequestError
from ddpm.models.autoguidance import Guides, Predictor
from ddpm.models.base import Metrics
from ddpm.models.few_step_sampling import FewStepSampling, student_levels
from ddpm.models.reverse_process import ReverseProcess
from ddpm.models.spec import ModelSpec
from ddpm.networks.denoising_network import DenoisingNetwork
from ddpm.networks.outline import Row
from ddpm.networks.self_conditioning import SelfConditioned
from ddpm.optim.compiling import Compiled
from ddpm.optim.state import State

Evaluate = Callable[[Mapping[str, Any]], Any]  # inputs by name → x0, arrays
ESTIMATE = "estimate"  # input: the previous prediction, of a self-conditioned model


def onnx_inputs(spec: ModelSpec) -> dict[str, list[int]]:
    """Return the inputs of the file of a model, each with the shape of one image's share."""
    inputs: dict[str, list[int]] = {"x": list(spec.image_shape), "t": []}
    if spec.num_classes:
        inputs["labels"] = []
    if feeds_back(spec):
        inputs[ESTIMATE] = list(spec.image_shape)
    return inputs


def feeds_back(spec: ModelSpec) -> bool:
    """Return whether the network sees its previous prediction while it samples; a student never does."""
    return spec.config.network.self_conditioning and not spec.config.family.is_distilled


class OnnxDenoiser(DenoisingNetwork):
    """x_t [N, C, H, W], t [N], labels [N] → the predicted clean image, by `evaluate`, on the CPU.

    If the file takes an estimate, x is x_t joined with it, [N, 2C, H, W].
    """

    def __init__(self, evaluate: Evaluate, spec: ModelSpec) -> None:
        super().__init__()
        self.evaluate = evaluate
        self.channels = spec.image_shape[0]
        self.num_classes = spec.num_classes

    def forward(
        self,
        x: Tensor,
        t: Tensor,
        labels: Tensor | None = None,
        augment_labels: Tensor | None = None,
    ) -> Tensor:
        image, estimate = x[:, : self.channels], x[:, self.channels :]
        inputs = {"x": image.contiguous().numpy(), "t": t.to(torch.int32).numpy()}
        if self.num_classes:
            classes = torch.full_like(t, self.num_classes) if labels is None else labels
            inputs["labels"] = classes.to(torch.int32).numpy()
        if estimate.shape[1]:
            inputs[ESTIMATE] = estimate.contiguous().numpy()
        return torch.from_numpy(np.asarray(self.evaluate(inputs)))


class _FixedWeights:
    """The parts of a model that cannot be trained, whose weights are the bytes of an ONNX file."""

    spec: ModelSpec
    file_bytes: Tensor  # uint8 [bytes]

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

    def parameter_counts(self) -> dict[str, int]:
        """Return {}: the file does not list its parameters."""
        return {}

    def outlines(self) -> dict[str, list[Row]]:
        """Return {}: the file holds operations, not layers."""
        return {}

    def describe(self) -> list[str]:
        """Return where the network runs."""
        return [f"an ONNX file of {len(self.file_bytes) / 1e6:.1f} MB, on the CPU by onnxruntime"]


class OnnxModel(_FixedWeights, ReverseProcess):
    """The diffusion model of an ONNX file that `ddpm export --to onnx` wrote.

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
        network: DenoisingNetwork = OnnxDenoiser(evaluate, spec)
        self.network = (
            SelfConditioned(network, spec.image_shape[0]) if feeds_back(spec) else network
        )
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

    def unsharded(self) -> OnnxModel:
        """Return the model itself."""
        return self


class OnnxStudent(_FixedWeights, FewStepSampling):
    """The few-step student of an ONNX file that `ddpm export --to onnx` wrote."""

    def __init__(self, spec: ModelSpec, evaluate: Evaluate, file_bytes: bytes) -> None:
        self.spec = spec
        self.ddpm = OnnxModel(spec, evaluate, file_bytes)
        self.device = self.ddpm.device
        self.jumps = student_levels(spec, self.ddpm.schedule)
        self.file_bytes = self.ddpm.file_bytes

    def image_losses(self, images: Tensor, labels: Tensor | None) -> None:
        """Return None: the outputs of a student are jumps, not predictions of the clean image."""
