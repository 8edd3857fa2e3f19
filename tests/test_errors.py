"""Errors that users see, and out-of-memory errors."""

from __future__ import annotations

import pytest

from ddpm.errors import RequestError, WorkError, is_out_of_memory


class OutOfMemoryError(RuntimeError):
    """Has the name of torch's error for CUDA."""


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (OutOfMemoryError("CUDA out of memory"), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("MPS backend out of memory"), True),
        (RuntimeError("size mismatch"), False),
        (ValueError("DefaultCPUAllocator"), False),
    ],
)
def test_out_of_memory_is_recognized_by_type_or_message(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) is expected


def test_a_wrong_request_and_failed_work_are_told_apart() -> None:
    assert not issubclass(RequestError, WorkError) and not issubclass(WorkError, RequestError)
