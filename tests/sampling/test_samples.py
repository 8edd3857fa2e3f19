"""Images of seeds: chunks, recorded trajectories and class labels."""

from __future__ import annotations

import numpy as np
import torch

from ddpm.loading.models import open_model
from ddpm.sampling.labels import choose_labels
from ddpm.sampling.samples import Trajectory, sample_images, sample_with_progress
from ddpm.sampling.settings import resolve_settings


def test_the_chunk_size_changes_images_by_rounding_only() -> None:
    model = open_model("digits", "cpu").model
    whole = resolve_settings(model, ["sampling.steps=3", "sampling.chunk=6"])
    pieces = resolve_settings(model, ["sampling.steps=3", "sampling.chunk=4"])
    labels = choose_labels(model, range(6), None)
    with torch.no_grad():
        one, two = (
            sample_images(model, range(6), labels, whole),
            sample_images(model, range(6), labels, pieces),
        )
    assert np.abs(one.astype(int) - two.astype(int)).max() <= 1  # up to rounding


def test_a_trajectory_keeps_as_many_frames_as_asked() -> None:
    model = open_model("digits", "cpu").model
    settings = resolve_settings(model, ["sampling.steps=30", "sampling.chunk=2"])
    whole, few = Trajectory(3), Trajectory(3, 7)
    for trajectory in whole, few:
        sample_with_progress(model, range(4), [1, 2, 3, 4], settings, trajectory)
    assert len(whole.states) == 31 and whole.percents[:4] == [0, 3, 6, 10]
    places = [whole.log_snr.index(value) for value in few.log_snr]
    assert len(places) == 7 and (places[0], places[-1]) == (0, 30)
    for i, place in enumerate(places):
        assert few.percents[i] == whole.percents[place] and len(few.states[i]) == 3
        assert np.array_equal(few.states[i], whole.states[place])
        assert np.array_equal(few.predictions[i], whole.predictions[place])


def test_chunk_by_chunk_the_first_images_are_recorded() -> None:
    whole = Trajectory(5, 7)
    counts = [part and part.images for part in map(whole.for_chunk, (0, 2, 4, 6), (2, 4, 6, 8))]
    assert counts == [2, 2, 1, None]
