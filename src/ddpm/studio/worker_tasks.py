"""Tasks of the drawing worker, by name. Standard library only."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ddpm.studio.model_shelf import ModelShelf


@dataclass(frozen=True)
class TaskKind:
    """A row of TASKS: where the function is, and whether it waits for the drawings before it."""

    function: str  # module:function, called with a `Task`
    is_drawing: bool = False


TASKS: dict[str, TaskKind] = {
    "draw": TaskKind("ddpm.studio.drawing:draw", is_drawing=True),
    "edit": TaskKind("ddpm.studio.edit_drawing:edit", is_drawing=True),
    "blind": TaskKind("ddpm.studio.blind_pictures:draw_pictures", is_drawing=True),
    "tally": TaskKind("ddpm.studio.blind_pictures:tally_answers"),
    "samplers": TaskKind("ddpm.studio.model_answers:list_samplers"),
    "weights_owner": TaskKind("ddpm.studio.model_answers:find_weights"),
    "nearest": TaskKind("ddpm.studio.nearest_images:find_nearest"),
    "doctor": TaskKind("ddpm.studio.model_answers:diagnose_run"),
    "lesson_mistakes": TaskKind("ddpm.studio.lessons.lesson_tasks:answer_mistakes"),
    "lesson_schedule": TaskKind("ddpm.studio.lessons.lesson_tasks:answer_schedule"),
    "lesson_images": TaskKind("ddpm.studio.lessons.lesson_tasks:answer_images"),
    "lesson_forward": TaskKind("ddpm.studio.lessons.lesson_tasks:answer_forward"),
    "lesson_training": TaskKind("ddpm.studio.lessons.lesson_tasks:answer_training"),
    "lesson_reverse": TaskKind("ddpm.studio.lessons.lesson_tasks:answer_reverse"),
}


class CancelledError(Exception):
    """The server has cancelled the task."""


@dataclass(frozen=True)
class Task:
    """A task of the worker: its arguments, the models that are open, and the way back to the server."""

    arguments: Mapping[str, Any]
    shelf: ModelShelf
    payload: bytes  # that came with the arguments
    reply: Callable[..., None]
    cancelled: threading.Event

    def send(self, event: str, payload: bytes = b"", **fields: Any) -> None:
        """Send an event to the server. Raises CancelledError if the task was cancelled."""
        self.check()
        self.reply(event, payload, **fields)

    def check(self) -> None:
        """Raise CancelledError if the task was cancelled."""
        if self.cancelled.is_set():
            raise CancelledError


def task_function(name: str) -> Callable[[Task], Any]:
    """Return the function of a task. KeyError for an unknown name."""
    module, _, function = TASKS[name].function.partition(":")
    found: Callable[[Task], Any] = getattr(import_module(module), function)
    return found
