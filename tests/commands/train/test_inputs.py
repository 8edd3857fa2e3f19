"""The inputs of a training: held-out images, initial weights and batches."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ddpm.commands.train.inputs import MAX_HELDOUT_IMAGES, Inputs, open_inputs
from ddpm.config import Config, with_overrides
from ddpm.presets import get_preset
from ddpm.runs import RunFolder
from ddpm.training.checkpoint import save_weights

RUN = RunFolder(Path("runs") / "new")


def config(*overrides: str) -> Config:
    small = ["network.channels=8", "network.attention=[]", "training.batch_size=8"]
    return with_overrides(get_preset("digits").config, [*small, *overrides])


def opened(own: Config, init: str | None = None) -> Inputs:
    return open_inputs(RUN, own, init, torch.device("cpu"), shard=False)


@pytest.mark.parametrize("labels", ["true", "false"])
def test_held_out_images_are_in_model_range_with_their_labels(labels: str) -> None:
    inputs = opened(config(f"data.labels={labels}"))
    batch = inputs.heldout_batch()
    assert batch is not None
    images, classes = batch
    held = min(MAX_HELDOUT_IMAGES, len(inputs.dataset.heldout))
    assert images.shape == (held, 1, 8, 8)
    assert images.min() == -1 and images.max() == 1
    assert classes is not None and len(classes) == held


def test_without_held_out_images_there_is_no_batch() -> None:
    assert opened(config("data.all_images=true")).heldout_batch() is None


def test_training_starts_from_the_named_weights() -> None:
    other = opened(config("training.seed=5")).make_model()
    save_weights(Path("other.safetensors"), other.averaged_weights(), other.spec)
    inputs = opened(config(), "other.safetensors")
    expected = other.averaged_weights()
    started, plain = (
        model.averaged_weights() for model in (inputs.make_initial_model(), inputs.make_model())
    )
    assert all(torch.equal(started[name], expected[name]) for name in expected)
    assert not all(torch.equal(plain[name], expected[name]) for name in expected)


def test_batches_are_those_of_the_seed() -> None:
    one, same, other = (
        opened(config(f"training.seed={seed}")).batches(config(f"training.seed={seed}")).batch(0)[0]
        for seed in (3, 3, 4)
    )
    assert torch.equal(one, same) and not torch.equal(one, other)
    assert one.shape == (8, 1, 8, 8) and one.dtype == torch.uint8
