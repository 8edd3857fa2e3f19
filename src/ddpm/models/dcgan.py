"""A DCGAN: generator, discriminator, an optimizer each and the generator's moving average, bound together.

The one place where a configuration is unpacked into the plain arguments of `networks/gan.py`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ddpm.config import Config, SamplingConfig
from ddpm.data.transfer import to_device
from ddpm.device import autocast, resolve_precision
from ddpm.messages import Message, message
from ddpm.models.base import Frame, Losses
from ddpm.models.spec import ModelSpec
from ddpm.networks.gan import Discriminator, Generator, map_sizes
from ddpm.networks.outline import Row, outline
from ddpm.optim.ema import Ema
from ddpm.optim.optimizers import learning_rate, make_optimizer
from ddpm.optim.state import State, load_optimizer_tensors, optimizer_tensors
from ddpm.randomness import ImageNoise, derive_seed, generator_for


class Dcgan:
    """Radford et al. 2015 with the non-saturating loss of Goodfellow et al. 2014."""

    def __init__(self, spec: ModelSpec, device: torch.device | str = "cpu") -> None:
        training = spec.config.training
        self.spec = spec
        self.device = torch.device(device)
        self.precision = resolve_precision(training.precision, self.device)
        self.generator, self.discriminator = (
            network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
            for network in _make_networks(spec)
        )
        self.ema = Ema(self.generator, training.ema)

    @cached_property
    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """One a network, made when training first asks for them."""
        training, networks = self.spec.config.training, self._networks().items()
        return {name: make_optimizer(network.parameters(), training) for name, network in networks}

    def _networks(self) -> dict[str, nn.Module]:
        """The two that are trained, by the names they have in files and in the log."""
        return {"generator": self.generator, "discriminator": self.discriminator}

    def training_step(self, images: Tensor, labels: Tensor | None, step: int) -> Losses:
        """Algorithm 1 of Goodfellow et al. 2014 with k = 1: one update of each network on one batch.

        Besides both losses: how real the discriminator thought the images it learned from and the
        generated ones (its mean probability, before its update), and the generated images' `diversity`.
        """
        config = self.spec.config
        source = generator_for(config.training.seed, "step", step, device=self.device)
        real = to_device(images, self.device)
        shape = (len(real), config.gan.latent)
        latents = torch.randn(shape, generator=source, device=self.device)
        self.generator.train()
        with autocast(self.precision, self.device):
            fake = self.generator(latents).float()
        on_real, on_fake = self._judge(real), self._judge(fake.detach())  # logits [N]
        critic = discriminator_loss(on_real, on_fake, config.gan.label_smoothing)
        self._learn("discriminator", critic, step)
        maker = generator_loss(self._judge(fake))
        self._learn("generator", maker, step)
        self.ema.update(step)
        return {
            "generator_loss": maker.detach(),
            "discriminator_loss": critic.detach(),
            "real_score": on_real.detach().sigmoid().mean(),
            "fake_score": on_fake.detach().sigmoid().mean(),
            "diversity": diversity(fake.detach(), real),
        }

    def _judge(self, images: Tensor) -> Tensor:
        """The discriminator's logits [N], float32."""
        with autocast(self.precision, self.device):
            logits: Tensor = self.discriminator(images)
        return logits.float()

    def _learn(self, name: str, loss: Tensor, step: int) -> None:
        """One step down `loss` for the network called `name`; the other gets no gradient."""
        training, optimizer = self.spec.config.training, self.optimizers[name]
        weights = list(self._networks()[name].parameters())
        loss.backward(inputs=weights)  # type: ignore[no-untyped-call]
        if training.clip:
            torch.nn.utils.clip_grad_norm_(weights, training.clip)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, training)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    @torch.no_grad()
    def heldout_loss(self, images: Tensor, labels: Tensor | None) -> Losses:
        """How real the images look that were never trained on: below `real_score`, it knows the others."""
        parts = math.ceil(len(images) / self.spec.config.training.batch_size)
        logits = [self._judge(part.to(self.device)) for part in images.chunk(parts)]
        return {"real_score": torch.cat(logits).sigmoid().mean()}

    def image_losses(self, images: Tensor, labels: Tensor | None) -> None:
        """None: a discriminator judges, it has no loss of an image."""

    @torch.no_grad()
    def trajectory(
        self, seeds: Sequence[int], labels: Sequence[int] | None, settings: SamplingConfig
    ) -> Iterator[Frame]:
        """Draw `len(seeds)` images in one pass of the averaged generator, in float32; one frame."""
        latents = ImageNoise(seeds, (self.spec.config.gan.latent,), self.device)()
        images = self.ema.network.eval()(latents)
        yield Frame(images, images, math.inf, 0)

    def state(self) -> State:
        """Both networks and both optimizers, names prefixed."""
        return {
            "ema": self.averaged_weights(),
            "weights": _joined({n: dict(net.state_dict()) for n, net in self._networks().items()}),
            "optimizer": _joined({n: optimizer_tensors(o) for n, o in self.optimizers.items()}),
        }

    def averaged_weights(self) -> dict[str, Tensor]:
        """The averaged generator, and the discriminator, so that training can start from these alone."""
        averaged = {"generator": self.ema.network, "discriminator": self.discriminator}
        return _joined({name: dict(net.state_dict()) for name, net in averaged.items()})

    def load_state(self, state: State) -> None:
        """Go on from a copy of `state`; `ema` or `weights` alone serve for both."""
        weights = state.get("weights", state.get("ema", {}))
        for name, network in self._networks().items():
            network.load_state_dict(_part(weights, name))
            network.zero_grad(set_to_none=True)  # of a step that was cut short
        self.ema.network.load_state_dict(_part(state.get("ema", weights), "generator"))
        if "optimizer" in state:
            for name, optimizer in self.optimizers.items():
                load_optimizer_tensors(optimizer, _part(state["optimizer"], name))

    def parameters(self) -> dict[str, int]:
        """The sizes of both networks."""
        networks = self._networks().items()
        return {name: sum(p.numel() for p in network.parameters()) for name, network in networks}

    def outlines(self) -> dict[str, list[Row]]:
        """The layers of both networks."""
        latents = torch.zeros(1, self.spec.config.gan.latent, device=self.device)
        images = torch.zeros(2, *self.spec.image_shape, device=self.device)  # batch normalization
        return {
            "generator": outline(self.generator, latents),
            "discriminator": outline(self.discriminator, images),
        }

    def drawing(self, settings: SamplingConfig) -> Message:
        """Return that one pass of the generator makes an image, whatever the settings."""
        return message("generator_pass")

    def describe(self) -> list[str]:
        """Sizes, device, the maps from latent to image, and what real images count as."""
        made, judging = (size / 1e6 for size in self.parameters().values())
        gan, size = self.spec.config.gan, self.spec.image_shape[1:]
        maps = " → ".join(f"{height}x{width}" for height, width in map_sizes(size))
        return [
            f"generator {made:.2f}, discriminator {judging:.2f} million parameters on {self.device}, "
            f"{self.precision}",
            f"{gan.latent} latent numbers → {maps}; real images count as {1 - gan.label_smoothing:g}",
        ]

    def set_total(self, config: Config) -> None:
        """Take over the run's total; the learning rate follows it."""
        self.spec = self.spec.with_config(config)


def discriminator_loss(real: Tensor, fake: Tensor, smoothing: float) -> Tensor:
    """-log D(x) - log(1 - D(G(z))), means over logits [N] (Goodfellow et al. 2014, Eq. 1).

    With `smoothing` s real images count as 1 - s (Salimans et al. 2016, section 3.4, one-sided).
    """
    cross_entropy = F.binary_cross_entropy_with_logits
    wanted = torch.full_like(real, 1 - smoothing)
    return cross_entropy(real, wanted) + cross_entropy(fake, torch.zeros_like(fake))


def generator_loss(fake: Tensor) -> Tensor:
    """-log D(G(z)), the mean over logits [N]: the non-saturating loss (Goodfellow et al. 2014, section 3)."""
    return F.softplus(-fake).mean()


def diversity(images: Tensor, real: Tensor) -> Tensor:
    """How far images [N, C, H, W] lie from the nearest other one, as a share of the same among `real`; 0-d.

    Near 1 where they differ as real ones do, 0 where the generator makes copies of a few; 1 where the
    real ones are copies themselves.
    """
    own, others = _nearest(images), _nearest(real)
    return torch.where(others > 0, own / others, torch.ones_like(own))


def _nearest(images: Tensor) -> Tensor:
    """The mean Euclidean distance to the nearest other image."""
    flat = images.flatten(1)
    return torch.cdist(flat, flat).fill_diagonal_(math.inf).amin(dim=1).mean()


def _joined(parts: State) -> dict[str, Tensor]:
    return {f"{part}.{name}": t for part, tensors in parts.items() for name, t in tensors.items()}


def _part(tensors: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    prefix = name + "."
    return {key.removeprefix(prefix): t for key, t in tensors.items() if key.startswith(prefix)}


def _make_networks(spec: ModelSpec) -> tuple[Generator, Discriminator]:
    """Both networks of a configuration, their random start drawn from the run's seed."""
    gan, (image_channels, height, width) = spec.config.gan, spec.image_shape
    size = (height, width)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(spec.config.training.seed, "weights"))
        made = Generator(image_channels, size, latent=gan.latent, channels=gan.channels)
        return made, Discriminator(image_channels, size, channels=gan.channels)
