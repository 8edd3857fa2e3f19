"""Mistakes of diffusion code, each thrown like a switch: the same seeds, with the mistake and without."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ddpm.diffusion.levels import Levels, noise_levels
from ddpm.diffusion.samplers import Denoiser
from ddpm.diffusion.schedules import make_schedule
from ddpm.errors import RequestError
from ddpm.loading.checkpoints import load_checkpoint, load_into
from ddpm.loading.models import OpenedModel
from ddpm.models.base import DiffusionModel, as_diffusion
from ddpm.models.registry import make_model
from ddpm.networks.embeddings import FULL_SCALE, TimeEmbedding, frequencies

FEW_STEPS = 5
SHORT_SCHEDULE = 50  # steps of the schedule of `short_betas`
HO_BETAS = 1e-4, 0.02  # Ho et al. 2020, section 4, for T = 1000


@dataclass(frozen=True)
class ReverseSetup:
    """A reverse process: the denoiser, the noise levels, and the display of its images."""

    denoise: Denoiser  # predicted images, clipped as configured
    denoise_unclipped: Denoiser
    levels: Levels
    min_max: bool = False  # stretch each picture to its own range


@dataclass(frozen=True)
class ReverseRequest:
    """The reverse process to run: image i starts from seed `seed + i`."""

    seed: int = 0
    count: int = 4
    steps: int = 50
    label: int | None = None
    breakage: str = ""  # a key of BREAKAGES; "" for none

    @property
    def labels(self) -> list[int] | None:
        """The label of each image, or None."""
        return None if self.label is None else [self.label] * self.count


@dataclass(frozen=True)
class Breakage:
    """A mistake: what is done, and what to look for in the images."""

    title: str
    cause: str
    effect: str
    setup: Callable[[OpenedModel, ReverseRequest], ReverseSetup]


def sound_setup(opened: OpenedModel, request: ReverseRequest) -> ReverseSetup:
    """Return Algorithm 2 with the averaged network, clipping, and levels evenly spaced in t."""
    return _setup(diffusion_model(opened), request)


def diffusion_model(opened: OpenedModel) -> DiffusionModel:
    """Return the opened model. RequestError if it has no reverse process, as a DCGAN or a student."""
    model = as_diffusion(opened.model)
    if model is None:
        raise RequestError(
            f"{opened.name} has no noise levels to step through. Choose a diffusion model."
        )
    return model


def _setup(
    model: DiffusionModel, request: ReverseRequest, *, clipped: bool = True, min_max: bool = False
) -> ReverseSetup:
    trained = model.spec.config.sampling
    steps = min(request.steps, len(model.schedule))
    settings = replace(trained, sampler="ancestral", steps=steps, spacing="uniform", guidance=1.0)
    unclipped = model.denoiser(request.labels, replace(settings, clip="none"))
    clip = settings if settings.clip != "none" else replace(settings, clip="static")
    return ReverseSetup(
        model.denoiser(request.labels, clip) if clipped else unclipped,
        unclipped,
        model.levels(settings),
        min_max,
    )


def _raw_weights(opened: OpenedModel, request: ReverseRequest) -> ReverseSetup:
    if opened.run is None or opened.step is None:
        raise RequestError(
            f"{opened.name} holds only averaged weights. Train a run; its checkpoints hold both."
        )
    found = load_checkpoint(opened.run, opened.step, stems=("weights",))
    model = make_model(found.spec, opened.model.device)  # type: ignore[attr-defined]
    load_into(model, found.state, opened.run.root)
    return sound_setup(replace(opened, model=model), request)


def _unclipped(opened: OpenedModel, request: ReverseRequest) -> ReverseSetup:
    return _setup(diffusion_model(opened), request, clipped=False)


def _wrong_betas(opened: OpenedModel, request: ReverseRequest) -> ReverseSetup:
    model = copy.copy(diffusion_model(opened))
    other = "cosine" if model.schedule.name == "linear" else "linear"
    model.schedule = make_schedule(other, len(model.schedule))
    return _setup(model, request)


def _short_betas(opened: OpenedModel, request: ReverseRequest) -> ReverseSetup:
    model = diffusion_model(opened)
    rescaled = {
        name: beta * SHORT_SCHEDULE / 1000
        for name, beta in zip(("beta_start", "beta_end"), HO_BETAS, strict=True)
    }  # `linear` multiplies by 1000 / T: the betas are those of T = 1000 again
    schedule = make_schedule("linear", SHORT_SCHEDULE, **rescaled)
    short = noise_levels(schedule, min(request.steps, SHORT_SCHEDULE), "uniform")
    trained = model.schedule.log_snr
    nearest = (schedule.log_snr[short.t][:, None] - trained).abs().argmin(dim=1)
    levels = Levels(schedule, nearest, short.signal, short.sigma)
    return replace(_setup(model, request), levels=levels)


def _printed_embedding(opened: OpenedModel, request: ReverseRequest) -> ReverseSetup:
    model = diffusion_model(opened)
    twin = make_model(model.spec, model.device)
    twin.load_state({"ema": model.averaged_weights()})
    broken = diffusion_model(replace(opened, model=twin))
    modules = broken.averaged.network.modules()
    embeddings = [module for module in modules if isinstance(module, TimeEmbedding)]
    if not embeddings or model.spec.config.network.time_embedding == "slide":
        raise RequestError(
            f"{opened.name} has no standard time embedding to exchange. Choose another model."
        )
    for embedding in embeddings:
        table = frequencies(2 * len(embedding.frequency), "slide")
        embedding.frequency.copy_(table * FULL_SCALE / len(model.schedule))
    return _setup(broken, request)


def _min_max(opened: OpenedModel, request: ReverseRequest) -> ReverseSetup:
    return _setup(diffusion_model(opened), request, min_max=True)


def _few_steps(opened: OpenedModel, request: ReverseRequest) -> ReverseSetup:
    return sound_setup(opened, replace(request, steps=FEW_STEPS))


BREAKAGES: dict[str, Breakage] = {
    "no-ema": Breakage(
        "Averaging off",
        "The weights of the last training step draw the images instead of their moving average (EMA).",
        "Strokes break and brightness drifts: the last steps of training still jump about.",
        _raw_weights,
    ),
    "no-clip": Breakage(
        "Clipping off",
        "The predicted image is not clipped to [-1, 1] before the posterior mean is taken.",
        "A model that predicts the noise carries errors of early steps on: too much contrast, gray "
        "backgrounds. A model of objective edm or x0 hardly changes.",
        _unclipped,
    ),
    "wrong-betas": Breakage(
        "Betas of another schedule",
        "Sampling uses another noise schedule than training did.",
        "The network is told a wrong noise level at every step: it removes too much noise or too little.",
        _wrong_betas,
    ),
    "short-betas": Breakage(
        "T = 50 with the betas of 1000",
        "The betas 0.0001 to 0.02 of T = 1000 are used for only 50 steps.",
        "At the last step 60 % of the image's variance should remain, yet sampling begins with pure noise.",
        _short_betas,
    ),
    "printed-embedding": Breakage(
        "The printed time embedding",
        "The network reads t through 10000^(-4k/d), as a common sample code prints it, "
        "but was trained with 10000^(-2k/d).",
        "Half of the dimensions hardly change with t: the network misjudges the noise level.",
        _printed_embedding,
    ),
    "min-max": Breakage(
        "Min-max display",
        "Each picture is stretched to its own darkest and brightest pixel instead of [-1, 1].",
        "The numbers are the same. In the strip, noise of three deviations is squeezed into the range of "
        "an image, and errors of brightness hide; finished images with black and white look alike.",
        _min_max,
    ),
    "few-steps": Breakage(
        "Too few steps",
        f"Algorithm 2 takes {FEW_STEPS} steps.",
        "Each step adds noise that the few steps left cannot remove: use a solver such as dpm++2m instead.",
        _few_steps,
    ),
}


def make_setup(opened: OpenedModel, request: ReverseRequest) -> ReverseSetup:
    """Return the reverse process of `request`; RequestError for an unknown or unsuitable mistake."""
    if not request.breakage:
        return sound_setup(opened, request)
    if request.breakage not in BREAKAGES:
        raise RequestError(
            f"There is no mistake called {request.breakage}. Choose one of {', '.join(BREAKAGES)}."
        )
    return BREAKAGES[request.breakage].setup(opened, request)


def describe_breakages() -> Sequence[dict[str, str]]:
    """Return name, title, cause and effect of each mistake."""
    return [
        {"name": name, "title": b.title, "cause": b.cause, "effect": b.effect}
        for name, b in BREAKAGES.items()
    ]
