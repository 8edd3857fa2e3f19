"""Bits per dimension of held-out images under a diffusion model, as rows of an evaluation."""

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
from ddpm.evaluation.bootstrap import REPLICATES, bootstrap_counts, bootstrap_interval
from ddpm.evaluation.image_sets import choose_indices
from ddpm.evaluation.protocol import ScoreProtocol, content_hash
from ddpm.evaluation.scores import Row
from ddpm.messages import message
from ddpm.models.base import DiffusionModel, GenerativeModel, as_diffusion
from ddpm.randomness import generator_for
from ddpm.terminal import Progress

BOUND_TERMS = 50  # within 1 % of the sum of all terms
ODE_STEPS = 50  # within 0.5 % of twice as many steps
CHUNK = 16  # images per batch; each batch draws its own terms and noise

BitsFunction = Callable[[DiffusionModel, Denoiser, Tensor, Generator], Tensor]


@dataclass(frozen=True)
class LikelihoodEstimate:
    """A likelihood estimate: label, resolution, function, and the source that defines it."""

    label: str
    resolution: str
    bits: BitsFunction
    source: str  # key of documents.citations.SOURCES


def _bound_bits(
    model: DiffusionModel, denoise: Denoiser, x0: Tensor, generator: Generator
) -> Tensor:
    terms = min(BOUND_TERMS, len(model.schedule) - 1)
    with torch.no_grad():
        return bits_per_dim_bound(denoise, model.schedule, x0, generator, terms=terms).total


def _ode_bits(model: DiffusionModel, denoise: Denoiser, x0: Tensor, generator: Generator) -> Tensor:
    return bits_per_dim_ode(denoise, model.schedule, x0, generator, ODE_STEPS)


LIKELIHOODS = {
    "bits-bound": LikelihoodEstimate(
        "bits/dim (variational bound)", f"{BOUND_TERMS} terms", _bound_bits, "ddpm"
    ),
    "bits-ode": LikelihoodEstimate(
        "bits/dim (probability-flow ODE)", f"{ODE_STEPS} steps", _ode_bits, "ode"
    ),
}


def likelihood_rows(model: GenerativeModel, heldout: Tensor, count: int, seed: int) -> list[Row]:
    """Return two rows over `count` of the images uint8 [M, C, H, W]; none without a likelihood.

    Uses the averaged weights in float32, without guidance, clipping or labels, so that models with
    and without labels are comparable.
    """
    diffusion = as_diffusion(model)
    if diffusion is None or not count or not len(heldout):
        return []
    images = heldout[choose_indices(len(heldout), count, seed)]
    with _float32(diffusion), Progress("likelihood", len(LIKELIHOODS) * len(images)) as bar:
        return [_row(diffusion, name, images, seed, bar) for name in LIKELIHOODS]


def _row(model: DiffusionModel, name: str, images: Tensor, seed: int, bar: Progress) -> Row:
    estimate, n = LIKELIHOODS[name], len(images)
    settings = replace(model.spec.config.sampling, guidance=1.0, clip="none")
    denoise = model.denoiser(None, settings)

    def bits_from(start: int) -> Tensor:
        x0 = to_model(images[start : start + CHUNK]).to(model.device)
        bits = estimate.bits(model, denoise, x0, generator_for(seed, name, start)).cpu()
        bar.advance_to(bar.done + len(x0))
        return bits

    bits = torch.cat(map_across_ranks(range(0, n, CHUNK), bits_from)).double()
    value = bits.mean().item()
    low, high = bootstrap_interval(
        value, bootstrap_counts(n, REPLICATES, seed) @ bits / n, "difference"
    )
    protocol = ScoreProtocol(
        "none", "unconditional", estimate.resolution, n, content_hash(images), n, seed
    )
    row: Row = {"metric": name, "label": estimate.label, "better": "lower", "n": n}
    row |= {"value": value, "low": low, "high": high}
    row |= dict.fromkeys(("floor", "floor_low", "floor_high"))
    return row | {"protocol": protocol.line(name), "notes": [message("likelihood_images", count=n)]}


@contextlib.contextmanager
def _float32(model: DiffusionModel) -> Iterator[None]:
    """Compute in float32: the divergence of the ODE needs more precision than bfloat16 or TF32."""
    precision, tf32 = model.precision, torch.backends.cudnn.allow_tf32
    model.precision = "fp32"
    torch.backends.cudnn.allow_tf32 = False  # TF32 keeps 10 of 23 mantissa bits
    try:
        yield
    finally:
        model.precision, torch.backends.cudnn.allow_tf32 = precision, tf32
