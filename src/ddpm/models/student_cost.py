"""Cost of the steps of a few-step student, in forward passes for each image of the teacher's batch.

A training step of the teacher costs three: forward and backward.
"""

from __future__ import annotations

from ddpm.config import Config
from ddpm.diffusion.distillation import teacher_steps
from ddpm.models.autoguidance import guidances

DRIFT_BATCHES = 4  # batches of a jump step in one batch of a student that also drifts


def jump_step_cost(teacher: Config, evaluations: int) -> float:
    """Return the cost of a step that learns jumps.

    The teacher's trajectory costs one pass per solver step, one more for each guidance, three more with the
    gradient of a classifier, and gives one training image per jump.
    """
    sampling = teacher.sampling
    low, high = sampling.guidance_interval
    extra = len(guidances(sampling, labelled=bool(teacher.data.labels)))
    extra += 3 if sampling.classifier_guidance else 0
    passes = teacher_steps(evaluations) * (1 + (high - low) * extra)
    return 3 + passes / evaluations


def mean_step_cost(teacher: Config, evaluations: int, drift: float) -> float:
    """Return the mean cost of the steps of a student of which the share `drift` compares images.

    Such a step compares two generated images with four real ones. A generated image costs the jumps, the way
    back through the last one, and two passes through the teacher; a real one costs one.
    """
    drift_step = 2 * (evaluations + 4) + DRIFT_BATCHES
    return (1 - drift) * jump_step_cost(teacher, evaluations) + drift * drift_step
