"""Faults of a training step, told apart without waiting for the device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from ddpm.models.base import Metrics
from ddpm.models.ddpm import Ddpm
from ddpm.training.faults import OutOfMemoryError, guarded_step


def test_a_step_reads_no_number_from_the_device(small_ddpm: Callable[..., Ddpm]) -> None:
    """A training step reads no number back; the log does, a block of rows at a time."""

    class Reads(TorchDispatchMode):
        count = 0

        def __torch_dispatch__(
            self, function: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            self.count += function is torch.ops.aten._local_scalar_dense.default
            return function(*args, **(kwargs or {}))

    model = small_ddpm()
    images = torch.zeros(8, 1, 8, 8)
    guarded_step(model, images, None, 1)
    with Reads() as reads:
        losses = guarded_step(model, images, None, 2)
    assert reads.count == 0 and losses["gradient_norm"].ndim == 0


@pytest.mark.parametrize(
    ("error", "short"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), True),
        (MemoryError(), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
    ],
)
def test_lack_of_memory_is_distinguished_from_other_errors(error: Exception, short: bool) -> None:
    class Broken:
        def training_step(self, *arguments: Any) -> Metrics:
            raise error

    with pytest.raises(OutOfMemoryError if short else RuntimeError) as caught:
        guarded_step(Broken(), torch.zeros(1), None, 7)  # type: ignore[arg-type]
    assert caught.value.__context__ is None  # a traceback would keep the step's tensors alive
    assert not short or "At step 7" in str(caught.value)
