"""A diffusion model that is polished: trained on to tell real images from those of its own beginning."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Generator, Tensor, nn

from ddpm.config import SamplingConfig
from ddpm.diffusion.discriminative import discriminative_loss
from ddpm.diffusion.samplers import starting_noise
from ddpm.diffusion.timesteps import draw_times
from ddpm.errors import RequestError
from ddpm.messages import sentence
from ddpm.models.base import DiffusionModel, Metrics
from ddpm.models.ddpm import Ddpm, NoisedBatch
from ddpm.models.spec import ModelSpec
from ddpm.optim.learner import Loss
from ddpm.randomness import generator_for

REFERENCE_STEPS = 8  # of UniPC, from noise to a generated image
HELDOUT_PAIRS = 64  # of a held-out and a generated image, for the held-out loss


@dataclass(frozen=True)
class PairBatch(NoisedBatch):
    """Real and generated images with their noise, and what the reference makes of them."""

    reference_loss: Tensor | None = None  # [N]
    is_real: Tensor | None = None  # [N]


class PolishedDdpm(Ddpm):
    """A diffusion model in direct discriminative optimization (Zheng et al. 2025, arXiv:2503.01103).

    It starts with the weights of its reference, which generates one image for each real one. Only training
    needs the reference; the result is sampled like any diffusion model.
    """

    def __init__(self, spec: ModelSpec, device: torch.device | str = "cpu") -> None:
        super().__init__(spec, device)
        self.reference: DiffusionModel | None = None

    def set_teacher(self, teacher: DiffusionModel) -> None:
        """Set the reference, whose images are to be told from real ones. It is never changed."""
        self.reference = teacher

    def training_step(self, images: Tensor, labels: Tensor | None, step: int) -> Metrics:
        """Take one step on real images [N, C, H, W] in [-1, 1] and as many generated ones."""
        generator = generator_for(self.spec.config.training.seed, "step", step, device=self.device)
        labels = self._drop_labels(labels, generator)
        loss = self._step_loss(step)
        batch = self._pair_batch(images.to(self.device), labels, generator, loss)
        with self._dropout(step):
            losses, measured = self.learner.step(batch, self._pair_loss(loss), step)
        return {**self.loss_summary(losses, batch.t), **measured}

    @torch.no_grad()
    def _pair_batch(
        self,
        real: Tensor,
        labels: Tensor | None,
        generator: Generator,
        loss: Loss[NoisedBatch],
    ) -> PairBatch:
        """Return real images and generated ones of the same labels, with the same times and noise.

        `loss` is that of the images under a network, here under the reference.
        """
        noise = torch.randn(
            real.shape, generator=generator, device=self.device, dtype=torch.float32
        )
        generated = self._generated(noise, labels)
        t = draw_times(
            self.spec.config.diffusion.time_sampling, self.schedule, len(real), generator
        )
        noise = torch.randn(
            real.shape, generator=generator, device=self.device, dtype=torch.float32
        )
        batch = PairBatch(
            torch.cat([real, generated]),
            t.repeat(2),
            noise.repeat(2, 1, 1, 1),
            None if labels is None else labels.repeat(2),
            is_real=torch.arange(2 * len(real), device=self.device) < len(real),
        )
        network = self._known_reference().averaged.network
        return replace(batch, reference_loss=loss(network, batch))

    def _generated(self, noise: Tensor, labels: Tensor | None) -> Tensor:
        """Return images of the reference in [-1, 1], from noise [N, C, H, W], without guidance."""
        reference = self._known_reference()
        settings = reference_settings(reference)
        levels = reference.levels(settings)
        x = starting_noise(levels, lambda: noise)
        frames = reference.frames(
            levels,
            x,
            lambda: torch.zeros_like(x),
            None if labels is None else labels.tolist(),
            settings,
        )
        *_, last = frames
        return last.x.clamp(-1, 1)

    def _known_reference(self) -> DiffusionModel:
        if self.reference is None:
            raise RequestError("Polishing needs a reference; train it with ddpm polish RUN.")
        return self.reference

    def _pair_loss(self, loss: Loss[NoisedBatch]) -> Loss[PairBatch]:
        """Return the discriminative loss, made from the `loss` of the images under a network."""
        polish = self.spec.config.polish

        def pair_loss(network: nn.Module, batch: PairBatch) -> Tensor:
            assert batch.reference_loss is not None and batch.is_real is not None
            return discriminative_loss(
                loss(network, batch),
                batch.reference_loss,
                batch.is_real,
                values=batch.x0[0].numel(),
                strength=polish.strength,
                generated_weight=polish.generated_weight,
            )

        return pair_loss

    @torch.no_grad()
    def heldout_loss(self, images: Tensor, labels: Tensor | None) -> Metrics:
        """Return the averaged weights' discriminative loss on held-out images and fixed generated ones."""
        if self.reference is None:
            return super().heldout_loss(images, labels)
        generator = generator_for(self.spec.config.training.seed, "heldout", device=self.device)
        known = labels if labels is not None and self.spec.num_classes else None
        classes = None if known is None else known[:HELDOUT_PAIRS].to(self.device)
        real = images[:HELDOUT_PAIRS].to(self.device)
        batch = self._pair_batch(real, classes, generator, self._loss)
        losses = self._pair_loss(self._loss)(self.averaged.network, batch)
        return self.loss_summary(losses, batch.t)

    def describe(self) -> list[str]:
        """Return the lines of a diffusion model, and the images that it learns to tell from real ones."""
        lines = super().describe()
        if self.reference is not None:
            settings = reference_settings(self.reference)
            how = sentence(self.reference.describe_sampling(settings))
            lines.append(f"learns to tell real images from those of its reference ({how})")
        return lines


def reference_settings(reference: DiffusionModel) -> SamplingConfig:
    """Return how the reference generates images: few steps of a solver, without guidance.

    The log-ratio needs images of the reference's own distribution, which guidance would change.
    """
    config = reference.spec.config
    return replace(
        config.sampling,
        sampler="unipc",
        steps=min(REFERENCE_STEPS, config.diffusion.num_steps),
        spacing="compact",
        guidance=1.0,
        guide="",
        classifier_guidance=0.0,
    )
