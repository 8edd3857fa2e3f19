"""Forward passes that the steps of a student take, for each image of the teacher's batch."""

from dataclasses import replace

import pytest

from ddpm.config import Config, DataConfig, SamplingConfig
from ddpm.models.student_cost import jump_step_cost, mean_step_cost


@pytest.mark.parametrize(("evaluations", "walk"), [(1, 8), (2, 8), (3, 9), (4, 8)])
def test_a_trajectory_is_shared_by_its_jumps(evaluations: int, walk: int) -> None:
    assert jump_step_cost(Config(), evaluations) == 3 + walk / evaluations


def test_guidance_counts_within_its_interval() -> None:
    sampling = SamplingConfig(guidance=2.0, guidance_interval=(0.2, 0.7))
    labelled = Config(data=DataConfig(labels=True), sampling=sampling)
    assert jump_step_cost(labelled, 4) == pytest.approx(3 + 8 * 1.5 / 4)
    assert jump_step_cost(Config(sampling=sampling), 4) == 3 + 8 / 4  # without labels no guidance
    both = replace(labelled, sampling=replace(sampling, guide="early", guide_scale=2.0))
    assert jump_step_cost(both, 4) == pytest.approx(3 + 8 * 2 / 4)


def test_a_drifting_step_sees_two_generated_and_four_real_images() -> None:
    """Generated, with J = 2: one jump, three for the last one, two through the teacher. Real: one."""
    drifting = 2 * (1 + 3 + 2) + 4
    assert mean_step_cost(Config(), 2, 1.0) == drifting
    assert mean_step_cost(Config(), 2, 0.25) == pytest.approx(0.75 * 7 + 0.25 * drifting)
    assert mean_step_cost(Config(), 2, 0.0) == 7
