"""The table of tasks, and cancelling."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from ddpm.studio.worker_tasks import TASKS, CancelledError, Task, task_function


def test_every_row_names_a_function() -> None:
    for name in TASKS:
        assert callable(task_function(name))
    with pytest.raises(KeyError):
        task_function("os:system")


def test_a_cancelled_task_sends_nothing_more() -> None:
    sent: list[Any] = []
    cancelled = threading.Event()
    task = Task({}, None, b"", lambda *event, **fields: sent.append((event, fields)), cancelled)  # type: ignore[arg-type]
    task.send("frame", b"x", step=1)
    cancelled.set()
    with pytest.raises(CancelledError):
        task.send("frame")
    assert sent == [(("frame", b"x"), {"step": 1})]
