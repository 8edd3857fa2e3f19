"""The library neither uses nor changes the process's global random state."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from ddpm.api import build_model, fit, sample
from ddpm.evaluation.digits import load_digits
from ddpm.evaluation.self_encoder import train_encoder
from ddpm.models.base import GenerativeModel
from ddpm.models.ddpm import Ddpm
from ddpm.models.student import Student
from ddpm.presets import get_preset

pytestmark = pytest.mark.usefixtures("workplace")
Weights = list[Tensor]


def _images() -> Tensor:
    images = torch.zeros(64, 1, 8, 8, dtype=torch.uint8, device="cpu")
    images[:, :, 2:6, 2:6] = 255
    images[::2, :, :3] = 128
    return images


def _weights(model: GenerativeModel) -> Weights:
    return [tensor.clone() for part in model.state().values() for tensor in part.values()]


def _ddpm(dropout: float = 0.0) -> Weights:
    config = get_preset("digits").config
    config = replace(config, network=replace(config.network, channels=8, dropout=dropout))
    model = build_model(config, _images(), device="cpu")
    fit(model, _images(), steps=3)
    return [*_weights(model), sample(model, 2, settings=["sampling.steps=2"])]


def _dcgan() -> Weights:
    config = get_preset("dcgan-mnist").config
    config = replace(config, gan=replace(config.gan, channels=8))
    model = build_model(config, _images(), device="cpu")
    fit(model, _images(), steps=3)
    return [*_weights(model), sample(model, 2)]


def _student() -> Weights:
    config = get_preset("digits").config
    teacher = build_model(
        replace(config, network=replace(config.network, channels=8)), _images(), device="cpu"
    )
    assert isinstance(teacher, Ddpm)
    student = Student(teacher.spec, "cpu")
    student.set_teacher(teacher)
    fit(student, _images(), steps=2)
    return [*_weights(student), sample(student, 2)]


def _encoder() -> Weights:
    return list(train_encoder(_images(), steps=3).state_dict().values())


TRAININGS: dict[str, Callable[[], Weights]] = {
    "ddpm": _ddpm,
    "ddpm with dropout": lambda: _ddpm(dropout=0.3),
    "dcgan": _dcgan,
    "student": _student,
    "encoder": _encoder,
}


@pytest.fixture(params=TRAININGS)
def train(request: pytest.FixtureRequest) -> Iterator[Callable[[], Weights]]:
    """One kind of training, from seeds to weights."""
    yield TRAININGS[request.param]


def _same(one: Weights, other: Weights) -> bool:
    return len(one) == len(other) and all(map(torch.equal, one, other))


def test_trainings_in_threads_equal_a_training_alone(train: Callable[[], Weights]) -> None:
    alone = train()
    with ThreadPoolExecutor(3) as pool:
        together = [pool.submit(train) for _ in range(3)]
    assert [_same(alone, each.result()) for each in together] == [True] * 3


def test_training_depends_on_no_global_generator_and_changes_none(
    train: Callable[[], Weights],
) -> None:
    found = []
    for seed in (11, 99):
        torch.manual_seed(seed)
        state = torch.get_rng_state()
        found.append(train())
        assert torch.equal(torch.get_rng_state(), state)
    assert _same(*found)


def test_loading_the_digit_classifier_changes_no_global_generator() -> None:
    state = torch.get_rng_state()
    load_digits()
    assert torch.equal(torch.get_rng_state(), state)
