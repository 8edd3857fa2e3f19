"""What does not fit into memory is refused before it is computed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ddpm import build_model, fit, interpolate, refine, sample
from ddpm.cli.main import main
from ddpm.commands.train.train import train
from ddpm.config import with_overrides
from ddpm.errors import RequestError
from ddpm.models import memory_limits
from ddpm.models.ddpm import Ddpm
from ddpm.models.memory_limits import check_batch_memory, check_chunk_memory, check_image_memory
from ddpm.models.registry import make_model
from ddpm.models.spec import ModelSpec
from ddpm.presets import get_preset


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """memory(n): a machine with n bytes."""
    return lambda size: monkeypatch.setattr(memory_limits, "memory_size", lambda: size)


@pytest.fixture(params=["ddpm", "dcgan"])
def model(request: pytest.FixtureRequest, small_spec: Callable[..., ModelSpec]) -> object:
    spec = small_spec()
    return make_model(replace(spec, config=replace(spec.config, model=request.param)))


def limit(error: pytest.ExceptionInfo[RequestError]) -> int:
    found = re.search(r"at most ([\d,]+)", str(error.value))
    assert found is not None
    return int(found[1].replace(",", ""))


def test_the_estimate_is_below_what_a_batch_takes(small_ddpm: Callable[..., Ddpm]) -> None:
    """The bytes that autograd keeps for the backward pass, counted."""
    model = small_ddpm("training.batch_size=8")
    kept: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.data_ptr()] = tensor.numel() * tensor.element_size()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        model.training_step(torch.zeros(8, 1, 8, 8), None, 1)
    parts = memory_limits._activations(model)
    estimate = 8 * 2 * sum(map(sum, parts))
    assert 0 < estimate <= sum(kept.values()) <= 40 * estimate


@pytest.mark.parametrize("check", [check_batch_memory, lambda model: check_chunk_memory(model, 50)])
def test_the_limit_that_a_message_names_is_accepted(  # type: ignore[no-untyped-def]
    check, model, memory: Callable[[int], None]
) -> None:
    config = model.spec.config
    config = replace(config, training=replace(config.training, batch_size=100))
    model.set_total_steps(config)
    memory(10**9)
    check(model)
    memory(10**5)
    with pytest.raises(RequestError, match=r"of memory, and this machine has 100 kB") as error:
        check(model)
    if check is check_batch_memory:
        fitting = replace(config, training=replace(config.training, batch_size=limit(error)))
        model.set_total_steps(fitting)
        check(model)
        model.set_total_steps(replace(config, training=replace(config.training, accumulate=100)))
        check(model)
    else:
        check_chunk_memory(model, limit(error))
        with pytest.raises(RequestError):
            check_chunk_memory(model, limit(error) + 1)


def test_images_of_a_request_are_counted(memory: Callable[[int], None]) -> None:
    memory(64 * 8 * 10)
    check_image_memory(10, (1, 8, 8), "n=10")
    with pytest.raises(RequestError, match=r"11 images \(n=11\) takes at least 6 kB .* at most 10"):
        check_image_memory(11, (1, 8, 8), "n=11")


# In commands and functions: at once, and nothing is written

HUGE = [
    ["interpolate", "digits", "--pairs", "1000000000"],
    ["interpolate", "digits", "--between", "1000000000"],
    ["interpolate", "digits", "--pairs", "100000", "--between", "100000"],
    ["inpaint", "digits", "image.png", "mask.png", "-n", "1000000000"],
    ["refine", "digits", "image.png", "-n", "9223372036854775806"],
    ["sample", "digits", "--grid", "100000x100000"],
    ["sample", "digits", "-n", "4", "--grid", "1x100000000"],
]


@pytest.mark.parametrize("words", HUGE, ids=" ".join)
def test_a_huge_picture_is_refused_with_its_size(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    said = capsys.readouterr().err
    assert "pixels, which takes at least" in said and "pass a smaller one" in said
    assert not list(Path().iterdir())


@pytest.mark.parametrize("command", ["sample", "interpolate", "evaluate"])
def test_a_huge_chunk_is_refused(
    command: str, memory: Callable[[int], None], capsys: pytest.CaptureFixture[str]
) -> None:
    memory(10**8)
    assert main([command, "digits", "--set", "sampling.chunk=65536"]) == 2
    assert "sampling.chunk=65536 takes at least" in capsys.readouterr().err
    assert not list(Path().iterdir())


def test_a_chunk_far_larger_than_the_request_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["sample", "digits", "-n", "2", "--steps", "1", "--set", "sampling.chunk=100"]
    assert main(words) == 0
    assert (
        "100 images are computed for these 2; a smaller chunk is faster" in capsys.readouterr().err
    )


def test_a_huge_batch_is_refused_before_the_run_is_made(memory: Callable[[int], None]) -> None:
    memory(10**9)
    config = with_overrides(get_preset("digits").config, ["training.batch_size=1048576"])
    with pytest.raises(
        RequestError, match=r"training.batch_size=1048576 with training.accumulate=1"
    ):
        train(config, Path("new"))
    assert not Path("new").exists()
    images = torch.zeros(4, 1, 8, 8, dtype=torch.uint8)
    images[:2] = 255
    with pytest.raises(RequestError, match=r"set training.batch_size to at most"):
        fit(build_model(config, images), images, steps=1)


def test_the_library_refuses_huge_counts(memory: Callable[[int], None]) -> None:
    images = torch.zeros(4, 1, 8, 8, dtype=torch.uint8)
    images[:2] = 255
    model = build_model("digits", images)
    memory(10**9)
    calls: list[Callable[[], object]] = [
        lambda: sample(model, 10**9),
        lambda: interpolate(model, between=10**9),
        lambda: refine(model, images[0], n=10**9),
    ]
    for call in calls:
        with pytest.raises(RequestError, match=r"takes at least 512\.00 GB of memory"):
            call()
