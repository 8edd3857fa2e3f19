"""Compiled training steps: when they are tried, that they learn the same, and what stays when they fail."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ddpm.config import Config, with_overrides
from ddpm.errors import RequestError
from ddpm.models.ddpm import Ddpm
from ddpm.networks.kinds import NETWORKS
from ddpm.optim import compiling, parallel
from ddpm.optim.compiling import should_compile

Make = Callable[..., Ddpm]
ON = "training.compile=on"
IMAGES = torch.rand(8, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
LABELS = torch.arange(8) % 2
CPU, CARD, APPLE = torch.device("cpu"), torch.device("cuda:0"), torch.device("mps")


class Counted:
    """In place of a compiled network: the network, its calls and their images counted."""

    def __init__(self, network: nn.Module) -> None:
        self.network, self.calls = network, list[int]()

    def __call__(self, x: Tensor, *rest: Any) -> Tensor:
        self.calls.append(len(x))
        output: Tensor = self.network(x, *rest)
        return output


def same_states(one: Ddpm, other: Ddpm) -> bool:
    states = one.state(), other.state()
    return states[0].keys() == states[1].keys() and all(
        tensors.keys() == states[1][stem].keys()
        and all(torch.equal(tensor, states[1][stem][name]) for name, tensor in tensors.items())
        for stem, tensors in states[0].items()
    )


def learn(model: Ddpm, labels: Tensor | None = None, steps: int = 2) -> Ddpm:
    for step in range(1, steps + 1):
        model.training_step(IMAGES, labels, step)
    return model


@pytest.mark.parametrize(
    ("settings", "device", "sharded", "wanted"),
    [
        ((), CPU, False, False),  # the default
        ((), CARD, False, True),
        ((), CARD, True, False),
        ((), APPLE, False, False),
        (("training.steps=2000",), CARD, False, True),
        (("training.steps=1999",), CARD, False, False),
        (("training.minutes=10", "training.steps=1"), CARD, False, True),
        (("training.minutes=9",), CARD, False, False),
        ((ON,), CPU, False, True),
        ((ON, "training.steps=1"), CARD, False, True),
        ((ON,), CARD, True, False),
        (("training.compile=off",), CARD, False, False),
        (("model=student",), CARD, False, False),
        (("model=dcgan", "data.labels=false"), CARD, False, False),
    ],
)
def test_when_it_is_tried(
    settings: tuple[str, ...], device: torch.device, sharded: bool, wanted: bool
) -> None:
    config = with_overrides(Config(), settings)
    assert should_compile(config, device, sharded=sharded) is wanted


def test_by_itself_a_processor_never_compiles(
    small_ddpm: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(torch, "compile", lambda *given, **options: asked.append(given))
    learn(small_ddpm("training.steps=5000"))
    assert asked == []


@pytest.mark.parametrize(
    ("settings", "rehearsed"),
    [
        ((), [8]),
        (("training.accumulate=3", "data.augment=0.5"), [3, 3, 2]),
        (("training.ema=0", "network.dropout=0.3"), [8]),
    ],
)
def test_steps_call_it_and_learn_the_same_under_the_same_names(
    small_ddpm: Make,
    monkeypatch: pytest.MonkeyPatch,
    settings: tuple[str, ...],
    rehearsed: list[int],
) -> None:
    monkeypatch.setattr(torch, "compile", lambda network, **options: Counted(network))
    model = learn(small_ddpm(ON, *settings, awake=True, classes=2), LABELS)
    network: Any = model.compile().network
    assert network.calls == 3 * rehearsed  # before the first step, and in two
    model.heldout_loss(IMAGES, LABELS)
    assert len(network.calls) == 3 * len(rehearsed)  # training steps alone
    assert same_states(model, learn(small_ddpm(*settings, awake=True, classes=2), LABELS))
    assert model.describe()[0].endswith(", compiled")


def no_compiler(network: nn.Module, **options: Any) -> nn.Module:
    raise RuntimeError("no C++ compiler found\n  and much more")


def none_at_the_first_call(network: nn.Module, **options: Any) -> Callable[..., Tensor]:
    return lambda *inputs: no_compiler(network)(*inputs)


def none_on_the_way_back(network: nn.Module, **options: Any) -> Callable[..., Tensor]:
    def call(*inputs: Any) -> Tensor:
        output: Tensor = network(*inputs)
        output.register_hook(lambda gradient: no_compiler(network)(gradient))
        return output

    return call


@pytest.mark.parametrize("compiler", [no_compiler, none_at_the_first_call, none_on_the_way_back])
def test_where_there_is_no_compiler_that_is_said_and_the_bits_are_those_without(
    small_ddpm: Make, monkeypatch: pytest.MonkeyPatch, compiler: Any
) -> None:
    monkeypatch.setattr(torch, "compile", compiler)
    model = small_ddpm(ON, awake=True)
    assert "note: torch.compile is not used (no C++ compiler found)" in model.describe()
    assert model.compile().network is model.network and not model.compile().is_compiled
    assert same_states(learn(model), learn(small_ddpm("training.compile=off", awake=True)))


def test_an_error_without_words_is_named(small_ddpm: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*given: Any, **options: Any) -> None:
        raise NotImplementedError

    monkeypatch.setattr(torch, "compile", fail)
    assert small_ddpm(ON).compile().note == "torch.compile is not used (NotImplementedError)"


def test_of_several_processes_none_compiles_where_one_cannot(
    small_ddpm: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "compile", lambda network, **options: Counted(network))
    monkeypatch.setattr(compiling, "all_reduce_max", lambda number: 1)
    compiled = small_ddpm(ON).compile()
    assert not compiled.is_compiled and "another process cannot compile" in compiled.note


@pytest.mark.parametrize(
    ("kind", "accumulate"),
    [(name, 3 if name == "unet" else 1) for name, row in NETWORKS.items() if not row.imported],
)
def test_the_network_can_be_traced(
    small_ddpm: Make, monkeypatch: pytest.MonkeyPatch, kind: str, accumulate: int
) -> None:
    """By torch's own tracing, with its plain operations in place of compiled kernels."""
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="eager"))
    settings = (
        f"network.kind={kind}", "network.attention=4", "network.patch=2", "network.width=16",
        "network.depth=2", "network.long_skips=true", f"training.accumulate={accumulate}",
    )  # fmt: skip
    model = small_ddpm(ON, *settings, awake=True, classes=2)
    assert model.compile().note == "" and model.compile().is_compiled
    assert same_states(
        learn(model, LABELS), learn(small_ddpm(*settings, awake=True, classes=2), LABELS)
    )


def test_nothing_sharded_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "world_size", lambda: 2)
    parallel.check_sharding(Config())
    with pytest.raises(RequestError, match=r"leave training\.compile=on out"):
        parallel.check_sharding(with_overrides(Config(), [ON]))


@pytest.mark.parametrize("model", ["dcgan", "student"])
def test_other_families_are_not_compiled(model: str) -> None:
    with pytest.raises(RequestError, match=r"set training\.compile=off"):
        with_overrides(Config(), [f"model={model}", "data.labels=false", ON])
