"""The bundled digit classifier as a guide of sampling."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ddpm.config import SamplingConfig
from ddpm.data.pixels import to_unit_range
from ddpm.errors import RequestError
from ddpm.evaluation.classifier import CLASSES
from ddpm.evaluation.digits import DigitFeatures, load_digits
from ddpm.models.spec import ModelSpec

LogProbability = Callable[[Tensor], Tensor]  # images [N, C, H, W] in [-1, 1] → [N]


def check_classifier(spec: ModelSpec, settings: SamplingConfig) -> None:
    """Raise RequestError if `settings` guide by the digit classifier a model of other classes."""
    digits = set(map(str, range(CLASSES)))
    if settings.classifier_guidance and not (spec.num_classes and set(spec.class_names) <= digits):
        raise RequestError(
            "sampling.classifier_guidance uses the bundled digit classifier, so it needs a model that has "
            "learned the labels 0 to 9; leave it out."
        )


def digit_log_probability(
    spec: ModelSpec, labels: Sequence[int], device: torch.device
) -> LogProbability:
    """Return the classifier's log p(label | image) for images in the order of `labels`."""
    classifier = _classifier(str(device))
    digits = torch.tensor([int(spec.class_names[label]) for label in labels], device=device)

    def log_probability(x0: Tensor) -> Tensor:
        found = classifier.log_probabilities(to_unit_range(x0))
        return found.gather(1, digits[:, None]).squeeze(1)

    return log_probability


@functools.lru_cache(maxsize=2)
def _classifier(device: str) -> DigitFeatures:
    found = load_digits()
    found.model.to(device)
    return found
