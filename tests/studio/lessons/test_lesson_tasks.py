"""Tasks of the Understand view: arguments in, plain JSON values out."""

import json
import threading

import pytest

from ddpm.errors import RequestError
from ddpm.studio.lessons import lesson_tasks
from ddpm.studio.lessons.breakages import BREAKAGES
from ddpm.studio.model_shelf import ModelShelf
from ddpm.studio.worker_tasks import TASKS, Task, task_function

PIXEL = {"seed": 0, "row": 3, "column": 4, "label": None}
REVERSE = {**PIXEL, "step": 2, "steps": 4, "count": 1, "mistake": ""}


@pytest.fixture(scope="module")
def shelf():
    return ModelShelf()


@pytest.fixture
def answer(shelf):
    """answer(task, payload=b"", **arguments) → the answer of the bundled digits, as JSON brings it."""

    def ask(name, payload=b"", **arguments):
        values = {"target": "bundled:digits", **arguments}
        task = Task(values, shelf, payload, lambda *_, **__: None, threading.Event())
        return json.loads(json.dumps(task_function(name)(task), allow_nan=False))

    return ask


def test_every_lesson_is_a_task_and_none_waits_for_drawings():
    lessons = {name: kind for name, kind in TASKS.items() if name.startswith("lesson_")}
    assert len(lessons) == 6
    assert not any(kind.is_drawing for kind in lessons.values())


def test_lessons_of_the_bundled_digits(answer):
    schedule = answer("lesson_schedule")
    image = answer("lesson_images")["images"][0]["id"]
    arguments = {**PIXEL, "image": image, "t": schedule["num_steps"] // 2}
    forward, training = (
        answer("lesson_forward", **arguments),
        answer("lesson_training", **arguments),
    )
    assert forward["panels"]["x_t"] == training["panels"]["x_t"]
    assert training["loss"] > 0


def test_a_step_is_shown_out_of_a_walk_that_is_run_once(answer):
    lesson_tasks._walks.clear()
    steps = [answer("lesson_reverse", **{**REVERSE, "step": step})["step"] for step in range(4)]
    assert [step["step"] for step in steps] == [0, 1, 2, 3]
    assert len(lesson_tasks._walks) == 1
    answer("lesson_reverse", **{**REVERSE, "mistake": "few-steps"})
    assert len(lesson_tasks._walks) == 2


def test_kept_walks_are_bounded(answer):
    for seed in range(lesson_tasks.KEPT_WALKS + 3):
        answer("lesson_reverse", **{**REVERSE, "seed": seed, "steps": 2, "step": 0})
    assert len(lesson_tasks._walks) == lesson_tasks.KEPT_WALKS


def test_mistakes_are_listed(answer):
    assert [row["name"] for row in answer("lesson_mistakes")] == list(BREAKAGES)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"row": 8}, "8 rows and 8 columns"),
        ({"t": 99_999}, "t goes from 0 to"),
        ({"label": 99}, "no label number 99"),
        ({"image": "data-99999"}, "no training image"),
    ],
)
def test_values_outside_the_model_are_refused(answer, changes, sentence):
    arguments = {**PIXEL, "image": "data-1", "t": 3, **changes}
    with pytest.raises(RequestError, match=sentence):
        answer("lesson_training", **arguments)


def test_a_step_beyond_a_shorter_walk_is_its_last(answer):
    found = answer("lesson_reverse", **{**REVERSE, "steps": 40, "step": 39, "mistake": "few-steps"})
    assert found["step"]["step"] == 4
