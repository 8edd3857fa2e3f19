"""Which device and precision are chosen, on machines that are pretended."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import typing
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import torch
from torch.utils import deterministic as deterministic_settings

from ddpm.api import build_model, fit
from ddpm.config import Config, ScaleName, with_overrides
from ddpm.device import (
    autocast,
    deterministic_algorithms,
    device_scale,
    pick_device,
    reset_peak_memory,
    resolve_precision,
)
from ddpm.errors import RequestError

CPU, CUDA, MPS = torch.device("cpu"), torch.device("cuda"), torch.device("mps")


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    def pretend(gpus: int = 0, mps: bool = False) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    return pretend


@pytest.mark.parametrize(
    ("gpus", "mps", "expected"),
    [(1, False, "cuda"), (1, True, "cuda"), (0, True, "mps"), (0, False, "cpu")],
)
def test_auto_takes_the_fastest_there_is(machine, gpus: int, mps: bool, expected: str) -> None:  # type: ignore[no-untyped-def]
    machine(gpus, mps)
    assert pick_device() == pick_device("auto") == torch.device(expected)


def test_a_device_that_is_there_is_taken(machine) -> None:  # type: ignore[no-untyped-def]
    machine(gpus=2, mps=True)
    for name in ("cpu", "cuda", "cuda:0", "cuda:1", "mps"):
        assert pick_device(name) == torch.device(name)


@pytest.mark.parametrize("name", ["cuda:2", "tpu", "cuda:", "cuda:x", "", "meta", "GPU", "cpu:1"])
def test_any_other_is_refused_with_those_that_are(machine, name: str) -> None:  # type: ignore[no-untyped-def]
    machine(gpus=2)
    with pytest.raises(RequestError) as refusal:
        pick_device(name)
    assert str(refusal.value) == f"Device {name!r} is not available; use one of: cpu, cuda."


def test_a_missing_gpu_is_refused(machine) -> None:  # type: ignore[no-untyped-def]
    machine()
    for name in ("cuda", "cuda:0", "mps"):
        with pytest.raises(RequestError, match=r"use one of: cpu\.$"):
            pick_device(name)


@pytest.mark.parametrize("asked", ["fp32", "bf16"])
def test_a_precision_asked_for_is_kept(asked: str) -> None:
    assert [resolve_precision(asked, device) for device in (CPU, CUDA, MPS)] == [asked] * 3


@pytest.mark.parametrize(
    ("features", "expected"),
    [({}, "fp32"), ({"avx2": True, "amx_fp16": True, "avx512_fp16": True}, "fp32"),
     ({"amx_bf16": True}, "bf16"), ({"avx512_bf16": True}, "bf16"), ({"amx_bf16": False}, "fp32")],
)  # fmt: skip
def test_a_cpu_computes_in_bf16_only_where_it_multiplies_in_it(
    monkeypatch: pytest.MonkeyPatch, features: dict[str, bool], expected: str
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: features)
    assert resolve_precision("auto", CPU) == expected


@pytest.mark.parametrize(("native", "expected"), [(True, "bf16"), (False, "fp32")])
def test_a_gpu_computes_in_bf16_only_where_it_is_not_emulated(
    monkeypatch: pytest.MonkeyPatch, native: bool, expected: str
) -> None:
    monkeypatch.setattr(torch.cuda, "device", lambda device: contextlib.nullcontext())
    monkeypatch.setattr(
        torch.cuda,
        "is_bf16_supported",
        lambda including_emulation=True: native or including_emulation,
    )
    assert resolve_precision("auto", CUDA) == expected


def test_of_two_cards_the_one_asked_about_answers_for_bf16(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    current = [0]  # the card that torch asks

    @contextlib.contextmanager
    def chosen(device: torch.device) -> Iterator[None]:
        current.append(device.index)
        yield
        current.pop()

    monkeypatch.setattr(torch.cuda, "device", chosen)
    monkeypatch.setattr(
        torch.cuda, "is_bf16_supported", lambda including_emulation=True: current[-1] == 0
    )
    precisions = [resolve_precision("auto", torch.device("cuda", card)) for card in (0, 1)]
    assert precisions == ["bf16", "fp32"]


def test_a_card_with_a_number_is_made_known_before_its_peak_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[object] = []
    monkeypatch.setattr(torch.cuda, "init", lambda: calls.append("init"))
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", calls.append)
    reset_peak_memory(torch.device("cuda:1"))
    assert calls == ["init", torch.device("cuda:1")]


def test_apple_computes_in_fp32_unless_asked() -> None:
    assert resolve_precision("auto", MPS) == "fp32"


def test_this_machine_never_gets_fp16() -> None:
    assert resolve_precision("auto", pick_device("cpu")) in ("fp32", "bf16")


@pytest.mark.parametrize(
    ("precision", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)]
)
def test_autocast_computes_in_the_precision(precision: str, dtype: torch.dtype) -> None:
    layer = torch.nn.Linear(2, 2)
    with autocast(precision, CPU):
        assert layer(torch.ones(1, 2)).dtype == dtype
    assert layer(torch.ones(1, 2)).dtype == torch.float32


@pytest.mark.parametrize(("before", "warn_only"), [(False, False), (True, False), (True, True)])
def test_determinism_is_given_back_as_it_was(  # type: ignore[no-untyped-def]
    machine, before: bool, warn_only: bool
) -> None:
    machine()
    torch.use_deterministic_algorithms(before, warn_only=warn_only)
    try:
        with pytest.raises(RuntimeError, match="stop"), deterministic_algorithms():
            assert torch.are_deterministic_algorithms_enabled()
            assert torch.is_deterministic_algorithms_warn_only_enabled()
            assert not deterministic_settings.fill_uninitialized_memory
            raise RuntimeError("stop")
        assert deterministic_settings.fill_uninitialized_memory
        assert torch.are_deterministic_algorithms_enabled() == before
        assert torch.is_deterministic_algorithms_warn_only_enabled() == warn_only
    finally:
        torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize("fixed", [True, False])
def test_on_graphics_cards_determinism_is_strict_where_cublas_adds_in_a_fixed_order(  # type: ignore[no-untyped-def]
    machine, monkeypatch: pytest.MonkeyPatch, fixed: bool
) -> None:
    machine(gpus=1)
    monkeypatch.setattr("ddpm.device._STRICT", fixed)
    with deterministic_algorithms():
        assert torch.are_deterministic_algorithms_enabled()
        assert torch.is_deterministic_algorithms_warn_only_enabled() is not fixed
    assert not torch.are_deterministic_algorithms_enabled()


def test_cublas_is_told_before_its_first_product() -> None:
    """In a process of its own, where the module is imported anew under each setting of the user."""
    code = """
import os, sys
name = "CUBLAS_WORKSPACE_CONFIG"
for users in (None, ":16:8", ":0:0"):
    os.environ.pop(name, None)
    os.environ |= {} if users is None else {name: users}
    sys.modules.pop("ddpm.device", None)
    import ddpm.device
    print(os.environ[name], ddpm.device._STRICT)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split("\n")[:-1] == [":4096:8 True", ":16:8 True", ":0:0 False"]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a graphics card")
def test_on_a_graphics_card_training_with_attention_repeats_bit_for_bit() -> None:
    images = torch.randint(0, 256, (64, 3, 32, 32), dtype=torch.uint8)
    config = with_overrides(
        Config(),
        ["network.channels=32", "network.multipliers=1,2", "network.attention=16",
         "network.dropout=0.1", "training.batch_size=32", "training.optimizer=adamw"],
    )  # fmt: skip
    ends = []
    for _ in range(2):
        model = build_model(config, images, device="cuda")
        with deterministic_algorithms():
            fit(model, images, steps=6)
        ends.append({name: tensor.cpu() for name, tensor in model.averaged_weights().items()})
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc is asked to keep memory")
def test_kept_memory_is_not_asked_for_again() -> None:
    code = """
import resource, sys, torch
from ddpm.device import keep_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory()
network = torch.nn.Sequential(*[torch.nn.Conv2d(16, 16, 3, padding=1) for _ in range(6)])
faults, x = [], torch.randn(64, 16, 32, 32)
for _ in range(4):
    network(x).sum().backward()
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
print(faults[-1] - faults[1])
"""
    kept, usual = (
        int(
            subprocess.run(
                [sys.executable, "-c", code, word], capture_output=True, check=True
            ).stdout
        )
        for word in ("keep", "no")
    )
    assert kept < usual / 5  # pages cleared anew


GIB = 2**30


@pytest.mark.parametrize(
    ("gibibytes", "bf16", "expected"),
    [(15, False, "small-gpu"),  # T4
     (32, False, "small-gpu"),  # V100
     (12, True, "small-gpu"), (22, True, "big-gpu"), (79, True, "big-gpu")],
)  # fmt: skip
def test_a_gpu_is_big_by_its_memory_and_bf16(
    monkeypatch: pytest.MonkeyPatch, gibibytes: int, bf16: bool, expected: str
) -> None:
    monkeypatch.setattr(torch.cuda, "device", lambda device: contextlib.nullcontext())
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: bf16)
    properties = SimpleNamespace(total_memory=gibibytes * GIB)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: properties)
    assert device_scale(CUDA) == expected


def test_processors_and_apples_gpus_have_their_size() -> None:
    assert (device_scale(CPU), device_scale(MPS)) == ("cpu", "small-gpu")
    assert set(typing.get_args(typing.get_type_hints(device_scale)["return"])) == set(
        typing.get_args(ScaleName)
    )


def test_of_several_processes_each_takes_its_own_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    for local_rank in (0, 1):
        monkeypatch.setenv("LOCAL_RANK", str(local_rank))
        assert pick_device() == pick_device("cuda") == torch.device("cuda", local_rank)
    assert pick_device("cpu") == torch.device("cpu")
    with pytest.raises(RequestError, match="pass --device cuda to give each"):
        pick_device("cuda:0")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "1")  # each on a machine of its own
    assert pick_device("cuda:1") == torch.device("cuda:1")
    monkeypatch.setenv("LOCAL_RANK", "2")
    with pytest.raises(RequestError, match="as there are only 2: start 2 with --nproc-per-node 2"):
        pick_device()


def test_of_several_processes_none_takes_the_card_that_cannot_add_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert pick_device() == torch.device("mps")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert pick_device() == torch.device("cpu")
