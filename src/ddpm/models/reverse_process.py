"""The reverse process of a diffusion model: its denoiser, and the states from noise to image."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from ddpm.config import SamplingConfig
from ddpm.device import autocast
from ddpm.diffusion.guidance import (
    CLIPS,
    classifier_shift,
    combine,
    guide,
    in_interval,
    rescale,
)
from ddpm.diffusion.levels import Levels, noise_levels
from ddpm.diffusion.objectives import Objective, split_variance
from ddpm.diffusion.samplers import (
    SAMPLERS,
    Denoiser,
    Prediction,
    SamplerOptions,
    starting_noise,
)
from ddpm.diffusion.schedules import Schedule
from ddpm.messages import Message, message
from ddpm.models.autoguidance import Guidance, Guides, Predictor, guidances
from ddpm.models.base import Frame
from ddpm.models.classifier_guidance import digit_log_probability
from ddpm.models.mixed_labels import ClassTerm, class_terms
from ddpm.models.spec import ModelSpec
from ddpm.networks.self_conditioning import join_estimate
from ddpm.randomness import ImageNoise


class ReverseProcess:
    """Sampling by any sampler, for a class with the attributes below and `averaged`."""

    spec: ModelSpec
    device: torch.device
    precision: str  # fp32 or bf16
    schedule: Schedule
    objective: Objective
    guides: Guides

    @property
    def averaged(self) -> Predictor:
        """The network that samples the images, and its objective."""
        raise NotImplementedError

    @torch.no_grad()
    def trajectory(
        self, seeds: Sequence[int], labels: Sequence[int] | None, settings: SamplingConfig
    ) -> Iterator[Frame]:
        """Sample one image per seed with the averaged weights, and yield the state at every level."""
        noise = ImageNoise(seeds, self.spec.image_shape, self.device)
        levels = self.levels(settings)
        x = starting_noise(levels, noise)
        yield from self.frames(levels, x, noise, labels, settings)

    @torch.no_grad()
    def frames(
        self,
        levels: Levels,
        x: Tensor,
        noise: Callable[[], Tensor],
        labels: Sequence[int] | None,
        settings: SamplingConfig,
    ) -> Iterator[Frame]:
        """Yield the states of the reverse process, from `x` at the first of `levels` to the clean image."""
        options = SamplerOptions(settings.eta, settings.churn, settings.variance)
        denoise = self.denoiser(labels, settings, feeds_back=True)
        log_snr = (2 * levels.half_log_snr).tolist()
        yield Frame(x, torch.zeros_like(x), log_snr[0], len(levels))
        for step in SAMPLERS[settings.sampler](denoise, levels, x, noise, options):
            yield Frame(step.x, step.x0, log_snr[step.index], len(levels) - step.index)

    def levels(self, settings: SamplingConfig, start: int | None = None) -> Levels:
        """Return the noise levels that `settings` visit, from the top or from table index `start`."""
        return noise_levels(self.schedule, settings.steps, settings.spacing, start=start)

    def denoiser(
        self,
        labels: Sequence[int] | None,
        settings: SamplingConfig,
        *,
        feeds_back: bool = False,
    ) -> Denoiser:
        """Return (x_t, t) → the predicted clean image, guided and clipped as `settings` say.

        With `feeds_back`, a self-conditioned network sees its previous prediction (Chen et al. 2022,
        Algorithm 2): the calls must then be those of one trajectory.
        """
        strong, clip = self.averaged, CLIPS[settings.clip]
        terms = class_terms(labels, self.spec.num_classes, self.device)
        # away from a weaker network with labels, or from the same network without labels
        weaker = [
            (scale, self.guide(settings.guide), terms)
            if by_guide
            else (scale, strong, [ClassTerm(None)])
            for by_guide, scale in guidances(settings, labelled=labels is not None)
        ]

        log_probability = None
        if settings.classifier_guidance and labels is not None:
            log_probability = digit_log_probability(self.spec, labels, self.device)
        estimate: Tensor | None = None

        def predict(model: Predictor, x: Tensor, t: Tensor, labels: Tensor | None) -> Prediction:
            signal, sigma = self.schedule.at(t, x)
            scaled = model.objective.network_input(x, signal, sigma)
            with autocast(self.precision, self.device):
                output = model.network(join_estimate(model.network, scaled, estimate), t, labels)
            output, variance = output.float(), None
            if output.shape[1] > x.shape[1]:  # learned variance: 2C channels
                output, variance = split_variance(output)
            return Prediction(model.objective.to_x0(output, x, signal, sigma), variance)

        def predict_sum(
            model: Predictor, x: Tensor, t: Tensor, terms: Sequence[ClassTerm]
        ) -> Prediction:
            prediction = predict(model, x, t, terms[0].classes)
            if terms[0].weights is None:
                return prediction
            x0 = terms[0].weights * prediction.x0
            for classes, weights in terms[1:]:
                assert weights is not None
                x0 = x0 + weights * predict(model, x, t, classes).x0
            return prediction._replace(x0=x0)

        def denoise(x: Tensor, t: Tensor) -> Prediction:
            nonlocal estimate
            prediction = predict_sum(strong, x, t, terms)
            inside = in_interval(int(t[0]), len(self.schedule), settings.guidance_interval)
            guided_x0 = prediction.x0
            if weaker and inside:
                guided = [
                    guide(prediction.x0, predict_sum(weak, x, t, weak_terms).x0, scale)
                    for scale, weak, weak_terms in weaker
                ]
                guided_x0 = combine(prediction.x0, guided)
                if settings.guidance_rescale:
                    guided_x0 = rescale(guided_x0, prediction.x0, settings.guidance_rescale)
            if log_probability is not None and inside:
                shift = classifier_shift(
                    x,
                    lambda x: predict_sum(strong, x, t, terms).x0,
                    log_probability,
                    *self.schedule.at(t, x),
                )
                guided_x0 = guided_x0 + settings.classifier_guidance * shift
            prediction = prediction._replace(x0=guided_x0)
            prediction = prediction._replace(x0=clip(prediction.x0))
            if feeds_back:
                estimate = prediction.x0
            return prediction

        return denoise

    def guide(self, name: str) -> Predictor:
        """Return the guide called `name` (`sampling.guide`); RequestError if there is none."""
        return self.guides.guide(name, self.averaged)

    def evaluations(
        self, settings: SamplingConfig, t: int, labels: Sequence[int] | None = None
    ) -> int:
        """Return how often the denoiser evaluates a network at time t, guidance and mixtures included.

        Each class of a mixture takes an evaluation. Guidance adds those of the weak prediction, classifier
        guidance those of the prediction that it differentiates.
        """
        terms = len(class_terms(labels, self.spec.num_classes, torch.device("cpu")))
        if not in_interval(t, len(self.schedule), settings.guidance_interval):
            return terms
        weak = sum(terms if by_guide else 1 for by_guide, _ in self._guidances(settings))
        return terms + weak + (terms if self.is_classifier_guided(settings) else 0)

    def is_classifier_guided(self, settings: SamplingConfig) -> bool:
        """Return whether each step follows the gradient of a classifier."""
        return settings.classifier_guidance > 0 and self.spec.num_classes > 0

    def is_guided(self, settings: SamplingConfig) -> bool:
        """Return whether each step evaluates two networks, or one network twice."""
        return bool(self._guidances(settings))

    def _guidances(self, settings: SamplingConfig) -> list[Guidance]:
        return guidances(settings, labelled=self.spec.num_classes > 0)

    def describe_sampling(self, settings: SamplingConfig) -> Message:
        """Return a short description of sampling: `dpm++2m, 20 steps`, and the guidance if it is on."""
        drawn = self._describe_sampler(settings)
        if not self.is_classifier_guided(settings):
            return drawn
        return message("classifier_guided", drawn=drawn, scale=settings.classifier_guidance)

    def _describe_sampler(self, settings: SamplingConfig) -> Message:
        values: dict[str, Any] = {"sampler": settings.sampler, "steps": settings.steps}
        if not self.is_guided(settings):
            return message("sampler", **values)
        values["guidance"] = settings.guidance
        parts = [by_guide for by_guide, _ in self._guidances(settings)]
        if parts == [False]:
            return message("sampler_guided", **values)
        values["guide"] = settings.guide
        if parts == [True]:
            return message("sampler_autoguided", **values)
        return message("sampler_guided_twice", **values, guide_scale=settings.guide_scale)
