"""Bits a dimension of real images that a diffusion model was not trained on, as rows of a score."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Generator, Tensor

from ddpm.data.pixels import to_model
from ddpm.diffusion.likelihood import bits_per_dim_bound, bits_per_dim_ode
from ddpm.diffusion.samplers import Denoiser
from ddpm.distributed import map_across_ranks
from ddpm.evaluation.bootstrap import REPLICATES, bootstrap_counts, interval
from ddpm.evaluation.image_sets import choose
from ddpm.evaluation.protocol import ScoreProtocol, content_hash
from ddpm.evaluation.scores import Row
from ddpm.models.base import GenerativeModel
from ddpm.models.ddpm import Ddpm
from ddpm.randomness import generator_for
from ddpm.terminal import Progress

TERMS = 50  # of the variational bound: within 1 % of all of them
STEPS = 50  # of the ODE: within 0.5 % of twice as many
CHUNK = 16  # images at once; each chunk draws terms and noise of its own

Bits = Callable[[Ddpm, Denoiser, Tensor, Generator], Tensor]


@dataclass(frozen=True)
class Kind:
    """One way to a likelihood: its name in words, how finely it is taken, and how."""

    label: str
    detail: str
    bits: Bits


def _bound(model: Ddpm, denoise: Denoiser, x0: Tensor, generator: Generator) -> Tensor:
    terms = min(TERMS, len(model.schedule) - 1)
    with torch.no_grad():
        return bits_per_dim_bound(denoise, model.schedule, x0, generator, terms=terms).total


def _ode(model: Ddpm, denoise: Denoiser, x0: Tensor, generator: Generator) -> Tensor:
    return bits_per_dim_ode(denoise, model.schedule, x0, generator, STEPS)


KINDS = {
    "bits-bound": Kind("bits/dim (variational bound)", f"{TERMS} terms", _bound),
    "bits-ode": Kind("bits/dim (probability-flow ODE)", f"{STEPS} steps", _ode),
}


def likelihood_rows(model: GenerativeModel, heldout: Tensor, count: int, seed: int) -> list[Row]:
    """Two rows over `count` of the images uint8 [M, C, H, W]; none for a model that knows no density.

    The averaged weights are asked in float32, without guidance, clipping or labels: what a model
    with labels says of an image alone is comparable with what one without them says.
    """
    if not isinstance(model, Ddpm) or not count or not len(heldout):
        return []
    images = heldout[choose(len(heldout), count, seed)]
    with _in_full_precision(model), Progress("likelihood", len(KINDS) * len(images)) as bar:
        return [_row(model, name, images, seed, bar) for name in KINDS]


def _row(model: Ddpm, name: str, images: Tensor, seed: int, bar: Progress) -> Row:
    kind, n = KINDS[name], len(images)
    settings = replace(model.spec.config.sampling, guidance=1.0, clip="none")
    denoise = model.denoiser(None, settings)

    def bits_from(start: int) -> Tensor:
        x0 = to_model(images[start : start + CHUNK]).to(model.device)
        found = kind.bits(model, denoise, x0, generator_for(seed, name, start)).cpu()
        bar.reach(bar.done + len(x0))
        return found

    bits = torch.cat(map_across_ranks(range(0, n, CHUNK), bits_from)).double()
    value = bits.mean().item()
    low, high = interval(value, bootstrap_counts(n, REPLICATES, seed) @ bits / n, "difference")
    protocol = ScoreProtocol("none", "unconditional", kind.detail, n, content_hash(images), n, seed)
    row: Row = {"metric": name, "label": kind.label, "better": "lower", "n": n}
    row |= {"value": value, "low": low, "high": high}
    row |= dict.fromkeys(("floor", "floor_low", "floor_high"))
    return row | {"protocol": protocol.line(name), "note": f"{n} held-out images"}


@contextlib.contextmanager
def _in_full_precision(model: Ddpm) -> Iterator[None]:
    """float32: in bfloat16 the slope of the network is too rough for the ODE's divergence."""
    usual, tf32 = model.precision, torch.backends.cudnn.allow_tf32
    model.precision = "fp32"
    torch.backends.cudnn.allow_tf32 = False  # NVIDIA's convolutions keep 10 bits of 23 otherwise
    try:
        yield
    finally:
        model.precision, torch.backends.cudnn.allow_tf32 = usual, tf32
