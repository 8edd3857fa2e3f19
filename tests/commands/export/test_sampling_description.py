"""The description of sampling: complete, and of the model's own settings."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np

from ddpm.commands.export.sampling_description import sampling_description
from ddpm.diffusion.coefficients import coefficient_table
from ddpm.models.ddpm import Ddpm


def test_it_holds_all_that_sampling_needs(small_ddpm: Callable[..., Ddpm]) -> None:
    model = small_ddpm("sampling.sampler=unipc", classes=3)
    about = json.loads(json.dumps(sampling_description(model)))
    assert about["image"]["shape"] == [1, 8, 8] and about["no_label"] == 3
    assert about["classes"] == ["class 0", "class 1", "class 2"]
    assert about["normalization"] == {"data_mean": [-0.2], "data_std": 0.6}
    assert np.allclose(about["schedule"]["signal"], model.schedule.signal)
    assert set(about["samplers"]) == {"ddim", "euler", "heun", "dpm++2m", "unipc"}
    own = coefficient_table("unipc", model.levels(model.spec.config.sampling))
    rows = [[update.t, update.x, *update.x0] for update in own.updates]
    assert about["samplers"]["unipc"] == {"start": own.start, "evaluations": 4, "updates": rows}
    assert about["samplers"]["ddim"]["evaluations"] == 20  # at most the levels of the schedule


def test_a_model_without_classes_names_no_label(small_ddpm: Callable[..., Ddpm]) -> None:
    about = sampling_description(small_ddpm())
    assert about["no_label"] is None and about["classes"] == []
