"""Settings for training on from weights: which change, and which the user keeps."""

from __future__ import annotations

import pytest

from ddpm.config import differing_keys, with_overrides
from ddpm.loading.fine_tuning import (
    FEW_IMAGES,
    FINE_TUNING_KEYS,
    changes_in_words,
    fine_tuning_overrides,
    with_fine_tuning,
    with_recorded_fine_tuning,
)
from ddpm.presets import get_preset

FOLDER = get_preset("folder").config


def test_few_images_change_exactly_the_named_settings() -> None:
    few = with_fine_tuning(FOLDER, FEW_IMAGES, ())
    assert set(differing_keys(FOLDER, few)) == set(FINE_TUNING_KEYS)
    assert few.training.learning_rate < FOLDER.training.learning_rate
    assert few.network.dropout > 0 and few.data.augment > 0 and not few.data.flip
    assert len(fine_tuning_overrides(1)) == len(FINE_TUNING_KEYS)


def test_many_images_keep_the_preset() -> None:
    assert with_fine_tuning(FOLDER, FEW_IMAGES + 1, ()) == FOLDER


@pytest.mark.parametrize("key", FINE_TUNING_KEYS)
def test_a_setting_of_the_user_stays(key: str) -> None:
    few = with_fine_tuning(FOLDER, 10, [key])
    assert set(differing_keys(FOLDER, few)) == set(FINE_TUNING_KEYS) - {key}


def test_changes_are_told_as_they_are_typed() -> None:
    few = with_fine_tuning(FOLDER, 10, ())
    words = changes_in_words(FOLDER, few)
    assert "network.dropout=0.1" in words
    assert with_overrides(FOLDER, words) == few


def test_a_run_gives_its_settings_to_the_command_that_resumes_it() -> None:
    run = with_overrides(with_fine_tuning(FOLDER, 10, ()), ["data.augment=0.3", "data.shift=2"])
    resumed = with_recorded_fine_tuning(FOLDER, run)
    assert set(differing_keys(run, resumed)) == {"data.shift"}
