"""A DCGAN: a generator and a discriminator trained against each other.

A configuration is unpacked here into the plain arguments of `networks/gan.py`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ddpm.config import Config, SamplingConfig
from ddpm.construction import Construction
from ddpm.data.transfer import to_device
from ddpm.device import autocast, resolve_precision
from ddpm.messages import Message, message
from ddpm.models.base import Frame, Metrics
from ddpm.models.spec import ModelSpec, check_spec
from ddpm.networks.gan import Discriminator, Generator, map_sizes
from ddpm.networks.outline import Row, outline
from ddpm.optim.learner import Learner
from ddpm.optim.state import State
from ddpm.randomness import ImageNoise, generator_for


class Dcgan:
    """Radford et al. 2015 with the non-saturating loss of Goodfellow et al. 2014."""

    def __init__(self, spec: ModelSpec, device: torch.device | str = "cpu") -> None:
        check_spec(spec)
        config = spec.config
        self.spec = spec
        self.device = torch.device(device)
        self.precision = resolve_precision(config.training.precision, self.device)
        generator, discriminator = make_networks(spec)
        self.generator = Learner(generator, config, self.device)
        self.discriminator = Learner(discriminator, config, self.device, ema=0.0)

    @property
    def learners(self) -> dict[str, Learner[Generator] | Learner[Discriminator]]:
        """Both networks, by their names in files and in the log."""
        return {"generator": self.generator, "discriminator": self.discriminator}

    def training_step(self, images: Tensor, labels: Tensor | None, step: int) -> Metrics:
        """Take one step of Algorithm 1 of Goodfellow et al. 2014 with k = 1 on a batch [N, C, H, W].

        Returns both losses; the discriminator's mean probability of being real, before its update, for the
        real images (`real_score`) and the generated ones (`fake_score`); and `diversity`.
        """
        config = self.spec.config
        source = generator_for(config.training.seed, "step", step, device=self.device)
        real = to_device(images, self.device)  # x  [N, C, H, W]
        shape = (len(real), config.gan.latent)
        latents = torch.randn(
            shape, generator=source, device=self.device, dtype=torch.float32
        )  # z  [N, latent]
        self.generator.network.train()
        with autocast(self.precision, self.device):
            fake = self.generator.network(latents).float()  # G(z)  [N, C, H, W]
        real_logits = self._discriminate(real)  # [N]
        fake_logits = self._discriminate(fake.detach())  # [N]
        d_loss = discriminator_loss(real_logits, fake_logits, config.gan.label_smoothing)
        self.discriminator.descend(d_loss, step)
        g_loss = generator_loss(self._discriminate(fake))
        self.generator.descend(g_loss, step)
        return {
            "generator_loss": g_loss.detach(),
            "discriminator_loss": d_loss.detach(),
            "real_score": real_logits.detach().sigmoid().mean(),
            "fake_score": fake_logits.detach().sigmoid().mean(),
            "diversity": diversity(fake.detach(), real),
        }

    def _discriminate(self, images: Tensor) -> Tensor:
        """Return the discriminator's logits [N], float32."""
        with autocast(self.precision, self.device):
            logits: Tensor = self.discriminator.network(images)
        return logits.float()

    @torch.no_grad()
    def heldout_loss(self, images: Tensor, labels: Tensor | None) -> Metrics:
        """Return the `real_score` of held-out images.

        A score below that of training images indicates that the discriminator memorizes those.
        """
        count = math.ceil(len(images) / self.spec.config.training.batch_size)
        logits = [self._discriminate(part.to(self.device)) for part in images.chunk(count)]
        return {"real_score": torch.cat(logits).sigmoid().mean()}

    def image_losses(self, images: Tensor, labels: Tensor | None) -> None:
        """Return None: a DCGAN has no loss of a single image."""

    @torch.no_grad()
    def trajectory(
        self, seeds: Sequence[int], labels: Sequence[int] | None, settings: SamplingConfig
    ) -> Iterator[Frame]:
        """Sample one image per seed in one pass of the averaged generator, in float32; one frame."""
        latents = ImageNoise(seeds, (self.spec.config.gan.latent,), self.device)()
        images = self.generator.ema.network.eval()(latents)
        yield Frame(images, images, math.inf, 0)

    def state(self) -> State:
        """Return the state of both networks; tensor names start with `generator.` or `discriminator.`."""
        states = {name: learner.state() for name, learner in self.learners.items()}
        return {
            stem: _with_prefixes({name: state[stem] for name, state in states.items()})
            for stem in ("ema", "weights", "optimizer")
        }

    def averaged_weights(self) -> dict[str, Tensor]:
        """Return the averaged generator and the discriminator: training can start from them."""
        return _with_prefixes(
            {name: learner.averaged_weights() for name, learner in self.learners.items()}
        )

    def load_state(self, state: State) -> None:
        """Copy `state` into the model; `ema` or `weights` alone are used for both."""
        for name, learner in self.learners.items():
            learner.load_state(
                {stem: _without_prefix(tensors, name) for stem, tensors in state.items()}
            )

    def set_total_steps(self, config: Config) -> None:
        """Set the configuration, whose total number of steps the learning rate depends on."""
        self.spec = self.spec.with_config(config)
        for learner in self.learners.values():
            learner.config = config

    def parameter_counts(self) -> dict[str, int]:
        """Return the number of parameters of both networks."""
        return {name: learner.parameter_count() for name, learner in self.learners.items()}

    def outlines(self) -> dict[str, list[Row]]:
        """Return the layers of both networks."""
        latents = torch.zeros(
            1, self.spec.config.gan.latent, device=self.device, dtype=torch.float32
        )
        shape = (2, *self.spec.image_shape)  # batch normalization needs 2 images
        images = torch.zeros(shape, device=self.device, dtype=torch.float32)
        return {
            "generator": outline(self.generator.network, latents),
            "discriminator": outline(self.discriminator.network, images),
        }

    def describe_sampling(self, settings: SamplingConfig) -> Message:
        """Return a short description of sampling; no setting changes it."""
        return message("generator_pass")

    def describe(self) -> list[str]:
        """Return sizes, device, the feature maps from latent to image, and the label smoothing."""
        generator, discriminator = (size / 1e6 for size in self.parameter_counts().values())
        gan, size = self.spec.config.gan, self.spec.image_shape[1:]
        maps = " → ".join(f"{height}x{width}" for height, width in map_sizes(size))
        return [
            f"generator {generator:.2f}, discriminator {discriminator:.2f} million parameters on "
            f"{self.device}, {self.precision}",
            f"{gan.latent} latent numbers → {maps}; real images count as {1 - gan.label_smoothing:g}",
        ]


def discriminator_loss(real: Tensor, fake: Tensor, smoothing: float) -> Tensor:
    """Return -log D(x) - log(1 - D(G(z))), means over logits [N] (Goodfellow et al. 2014, Eq. 1).

    With `smoothing` s the target of real images is 1 - s (Salimans et al. 2016, section 3.4, one-sided).
    """
    cross_entropy = F.binary_cross_entropy_with_logits
    target = torch.full_like(real, 1 - smoothing)
    return cross_entropy(real, target) + cross_entropy(fake, torch.zeros_like(fake))


def generator_loss(fake: Tensor) -> Tensor:
    """Return -log D(G(z)), the mean over logits [N]: the non-saturating loss.

    Goodfellow et al. 2014, section 3.
    """
    return F.softplus(-fake).mean()


def diversity(images: Tensor, real: Tensor) -> Tensor:
    """Return the mean nearest-neighbor distance among images [N, C, H, W] over that among `real`; 0-d.

    Near 1: they differ as real images do. Near 0: the generator repeats a few images. 1 if the real
    images are all the same.
    """
    own, others = _neighbor_distance(images), _neighbor_distance(real)
    return torch.where(others > 0, own / others, torch.ones_like(own))


def _neighbor_distance(images: Tensor) -> Tensor:
    """Return the mean Euclidean distance to the nearest other image."""
    flat = images.flatten(1)
    return torch.cdist(flat, flat).fill_diagonal_(math.inf).amin(dim=1).mean()


def _with_prefixes(parts: Mapping[str, dict[str, Tensor]]) -> dict[str, Tensor]:
    return {f"{part}.{name}": t for part, tensors in parts.items() for name, t in tensors.items()}


def _without_prefix(tensors: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    prefix = name + "."
    return {key.removeprefix(prefix): t for key, t in tensors.items() if key.startswith(prefix)}


def make_networks(spec: ModelSpec) -> tuple[Generator, Discriminator]:
    """Return both networks of a configuration; initial weights are drawn from the run's seed."""
    gan, (image_channels, height, width) = spec.config.gan, spec.image_shape
    size = (height, width)
    with Construction(generator_for(spec.config.training.seed, "weights")):
        generator = Generator(image_channels, size, latent=gan.latent, channels=gan.channels)
        return generator, Discriminator(image_channels, size, channels=gan.channels)
