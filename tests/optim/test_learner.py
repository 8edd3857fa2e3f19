"""A learner's step: gradients of the mean loss, however the batch is cut; state that resumes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from ddpm.config import Config, with_overrides
from ddpm.models.ddpm import Ddpm
from ddpm.models.spec import ModelSpec
from ddpm.optim import learner as module
from ddpm.optim.learner import Learner, TensorBatch

PLAIN = ("training.optimizer=adam", "training.warmup=0", "training.decay=none", "training.ema=0.9")
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Pairs(TensorBatch):
    x: Tensor
    y: Tensor | None = None


def squared_error(network: nn.Module, batch: Pairs) -> Tensor:
    error: Tensor = network(batch.x) - batch.x.sum(dim=1, keepdim=True)
    return error.square().mean(dim=1)


def make(*overrides: str) -> Learner[nn.Linear]:
    torch.manual_seed(0)
    return Learner(nn.Linear(3, 1), with_overrides(Config(), [*PLAIN, *overrides]), CPU)


BATCH = Pairs(torch.randn(7, 3, generator=torch.Generator().manual_seed(1)))


def test_parts_of_a_batch_keep_order_and_absent_tensors() -> None:
    batch = Pairs(torch.arange(7.0)[:, None])
    parts = list(batch.split(3))
    assert [len(part) for part in parts] == [3, 3, 1] and len(batch) == 7
    assert torch.equal(torch.cat([part.x for part in parts]), batch.x)
    assert all(part.y is None for part in parts)


@pytest.mark.parametrize("accumulate", [1, 3, 7])
def test_micro_batches_make_the_step_of_the_whole_batch(accumulate: int) -> None:
    learner = make(f"training.accumulate={accumulate}", "training.clip=0")
    plain = make()
    expected = squared_error(plain.network, BATCH)
    expected.mean().backward()  # type: ignore[no-untyped-call]
    torch.optim.Adam(plain.network.parameters(), 1e-3, (0.9, 0.99)).step()
    losses, measured = learner.step(BATCH, squared_error, 1)
    torch.testing.assert_close(losses, expected.detach())
    torch.testing.assert_close(learner.network.weight, plain.network.weight)
    assert not measured and all(p.grad is None for p in learner.network.parameters())


def test_the_gradient_norm_is_that_before_clipping() -> None:
    learner, plain = make("training.clip=0.01"), make()
    squared_error(plain.network, BATCH).mean().backward()  # type: ignore[no-untyped-call]
    gradients = [p.grad.flatten() for p in plain.network.parameters() if p.grad is not None]
    _, measured = learner.step(BATCH, squared_error, 1)
    torch.testing.assert_close(measured["gradient_norm"], torch.cat(gradients).norm())
    assert float(measured["gradient_norm"]) > 0.01


def test_a_loss_moves_its_own_network_alone() -> None:
    own, other = make(), make()
    before = other.network.weight.detach().clone()
    own.descend((own.network(BATCH.x) * other.network(BATCH.x)).square().mean(), 1)
    assert torch.equal(other.network.weight, before)
    assert other.network.weight.grad is None and not torch.equal(own.network.weight, before)


def test_a_learner_resumes_from_its_state_bit_for_bit() -> None:
    settings = ("training.posthoc_ema=2", "training.optimizer=muon")
    whole, first = make(*settings), make(*settings)
    for step in (1, 2, 3):
        whole.step(BATCH, squared_error, step)
    for step in (1, 2):
        first.step(BATCH, squared_error, step)
    state = {
        stem: {n: t.clone() for n, t in tensors.items()} for stem, tensors in first.state().items()
    }
    assert set(state) == {"ema", "weights", "optimizer", "posthoc"}
    again = make(*settings)
    with torch.no_grad():
        again.network.weight.zero_()
    again.load_state(state)
    again.step(BATCH, squared_error, 3)
    for stem, tensors in whole.state().items():
        assert all(torch.equal(t, again.state()[stem][n]) for n, t in tensors.items()), stem


def test_without_a_decay_the_average_is_the_network() -> None:
    learner = Learner(nn.Linear(3, 1), with_overrides(Config(), PLAIN), CPU, ema=0.0)
    assert learner.ema.network is learner.network and make().ema.network is not make().network


def test_sharded_networks_are_made_in_the_memory_of_the_cpu(
    small_spec: Callable[..., ModelSpec], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which device holds the weights when they are cut, and which is to hold the parts."""
    seen: list[tuple[str, str]] = []

    def shard(network: nn.Module, device: torch.device) -> None:
        seen.append((next(network.parameters()).device.type, device.type))

    monkeypatch.setattr(module, "shard", shard)
    model = Ddpm(small_spec("training.ema=0.9"), "meta", sharded=True)
    assert seen == [("cpu", "meta")] * 2
    assert model.learner.sharded and model.device.type == "meta"
