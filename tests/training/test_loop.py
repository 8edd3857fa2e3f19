"""The loop's cadence, its interrupt and its budget for previews, with a model that learns nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from ddpm.config import Config, SamplingConfig, TrainingConfig
from ddpm.messages import Message, message
from ddpm.models.base import Frame, GenerativeModel, Metrics
from ddpm.models.spec import ModelSpec
from ddpm.optim.state import State
from ddpm.runs import read_metrics
from ddpm.training import loop
from ddpm.training.interrupt import Interrupt
from ddpm.training.log import Row, TrainingLog
from tests.examples import examples

Event = tuple[str, int]


class Clock:
    """Time that passes only where a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def perf_counter(self) -> float:
        return self.now


@dataclass
class Recorder:
    """A model of no family and the session around it: each call is noted in order."""

    spec: ModelSpec = field(default_factory=lambda: ModelSpec(Config(), (1, 2, 2), (0.0,), 1.0))
    heldout: loop.Batch | None = None
    events: list[Event] = field(default_factory=list)
    saved_at: list[tuple[int, float]] = field(default_factory=list)
    clock: Clock = field(default_factory=Clock)
    step_seconds: float = 1.0
    preview_seconds: float = 0.0
    interrupt: Interrupt = field(default_factory=Interrupt)
    interrupt_at: int = 0
    step: int = 0

    def training_step(self, images: Tensor, labels: Tensor | None, step: int) -> Metrics:
        self.events.append(("step", step))
        assert int(images[0, 0, 0, 0]) == step  # the batch of this very step
        self.clock.now += self.step_seconds
        self.step = step
        if step == self.interrupt_at:
            self.interrupt.signal = 15
        return {"loss": torch.tensor(1 / step), "loss_levels": torch.tensor([1.0, float("nan")])}

    def heldout_loss(self, images: Tensor, labels: Tensor | None) -> Metrics:
        self.events.append(("heldout", self.step))
        return {"loss": torch.tensor(2 / self.step)}

    def image_losses(self, images: Tensor, labels: Tensor | None) -> Tensor | None:
        raise AssertionError("the loop leaves memory to whoever looks for it")

    def trajectory(
        self, seeds: Sequence[int], labels: Sequence[int] | None, settings: SamplingConfig
    ) -> Iterator[Frame]:
        raise AssertionError("the loop does not sample")

    def state(self) -> State:
        raise AssertionError("the loop leaves the state to whoever saves")

    def load_state(self, state: State) -> None:
        raise AssertionError("the loop loads nothing")

    def parameter_counts(self) -> dict[str, int]:
        return {}

    def describe_sampling(self, settings: SamplingConfig) -> Message:
        return message("generator_pass")

    def describe(self) -> list[str]:
        return []

    def set_total_steps(self, config: Config) -> None:
        raise AssertionError("the loop has its total")

    def batch(self, step: int) -> loop.Batch:
        return torch.full((4, 1, 2, 2), float(step)), None

    def save(self, step: int, seconds: float) -> None:
        self.events.append(("save", step))
        self.saved_at.append((step, seconds))

    def preview(self, step: int) -> None:
        self.events.append(("preview", step))
        self.clock.now += self.preview_seconds

    def check_memorization(self) -> Row:
        self.events.append(("memory", self.step))
        return {"copies": 0.5}

    def save_snapshot(self, step: int) -> None:
        self.events.append(("snapshot", step))

    def report(self, step: int, losses: Metrics) -> None:
        self.events.append(("progress", step))

    def log(self, row: Row) -> None:
        self.file.write(row)

    @property
    def model(self) -> GenerativeModel:
        return self

    def run(
        self,
        log: TrainingLog,
        training: TrainingConfig,
        *,
        heldout: bool = True,
        start: int = 0,
        seconds: float = 0.0,
    ) -> int:
        self.spec = self.spec.with_config(Config(training=training))
        self.heldout = self.batch(1) if heldout else None
        self.file = log
        session: loop.TrainingSession = self  # type: ignore[assignment]  # its model is a property
        last = loop.train(session, self.interrupt, start=start, seconds=seconds)
        log.close()
        return last

    def steps_of(self, kind: str) -> list[int]:
        return [step for name, step in self.events if name == kind]


TRAINING = TrainingConfig(
    steps=20, checkpoint_every=6, preview_every=4, heldout_every=7, memorization_every=0
)


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    made = Recorder()
    monkeypatch.setattr(loop, "time", SimpleNamespace(perf_counter=made.clock.perf_counter))
    return made


@pytest.fixture
def log(tmp_path: Path) -> TrainingLog:
    return TrainingLog(tmp_path / "log")


def test_everything_happens_at_its_step(recorder: Recorder, log: TrainingLog) -> None:
    assert recorder.run(log, TRAINING) == 20
    assert recorder.steps_of("step") == recorder.steps_of("progress") == list(range(1, 21))
    assert recorder.steps_of("save") == [6, 12, 18, 20]
    assert recorder.steps_of("heldout") == [7, 14, 20]
    assert recorder.steps_of("preview") == [4, 8, 12, 16]  # the end has pictures of its own
    assert recorder.saved_at == [(6, 6.0), (12, 12.0), (18, 18.0), (20, 20.0)]


def test_what_a_step_logs_is_logged_before_it_is_saved(
    recorder: Recorder, log: TrainingLog
) -> None:
    recorder.run(log, replace(TRAINING, heldout_every=6, preview_every=6))
    order = [name for name, step in recorder.events if step == 6]
    assert order == ["step", "progress", "heldout", "snapshot", "save", "preview"]


def test_the_log_holds_every_step_and_held_out_loss(recorder: Recorder, log: TrainingLog) -> None:
    recorder.run(log, TRAINING)
    rows = read_metrics(log.path)
    steps = [row for row in rows if "loss" in row]
    assert [row["step"] for row in steps] == list(range(1, 21))
    assert [row["loss"] for row in steps] == pytest.approx([1 / k for k in range(1, 21)])
    assert [row["seconds"] for row in steps] == list(map(float, range(1, 21)))
    assert {row["batch"] for row in steps} == {4}
    assert steps[0]["loss_levels"] == [1.0, None]
    heldout = {row["step"]: row["heldout_loss"] for row in rows if "heldout_loss" in row}
    assert heldout == pytest.approx({7: 2 / 7, 14: 2 / 14, 20: 2 / 20})


def test_without_held_out_images_there_is_no_held_out_loss(
    recorder: Recorder, log: TrainingLog
) -> None:
    recorder.run(log, TRAINING, heldout=False)
    assert recorder.steps_of("heldout") == []
    assert all("heldout_loss" not in row for row in read_metrics(log.path))


def test_resuming_continues_steps_and_seconds(recorder: Recorder, log: TrainingLog) -> None:
    assert recorder.run(log, TRAINING, start=12, seconds=500.0) == 20
    assert recorder.steps_of("step") == list(range(13, 21))
    assert recorder.saved_at == [(18, 506.0), (20, 508.0)]


@pytest.mark.parametrize("start", [20, 25])
def test_a_finished_run_takes_no_step(recorder: Recorder, log: TrainingLog, start: int) -> None:
    assert recorder.run(log, TRAINING, start=start) == start
    assert recorder.events == []


@pytest.mark.parametrize("step", [1, 6, 13, 20])
def test_an_interrupt_saves_the_step_in_hand(
    recorder: Recorder, log: TrainingLog, step: int
) -> None:
    recorder.interrupt_at = step
    assert recorder.run(log, TRAINING) == step
    assert recorder.steps_of("step")[-1] == step
    assert recorder.steps_of("save")[-1] == step
    assert recorder.steps_of("save").count(step) == 1
    assert [row["step"] for row in read_metrics(log.path) if "loss" in row][-1] == step


def test_an_interrupted_log_continues_as_if_uninterrupted(
    recorder: Recorder, tmp_path: Path
) -> None:
    recorder.run(TrainingLog(tmp_path / "whole", epoch_size=10), TRAINING)
    recorder.clock.now += 100
    first = replace(recorder, interrupt_at=9, interrupt=Interrupt())
    stopped = first.run(TrainingLog(tmp_path / "log", epoch_size=10), TRAINING)
    seconds = first.saved_at[-1][1]
    second = replace(recorder, interrupt_at=0, interrupt=Interrupt())
    log = TrainingLog(tmp_path / "log", epoch_size=10, step=stopped)
    second.run(log, TRAINING, start=stopped, seconds=seconds)
    assert read_metrics(tmp_path / "log") == read_metrics(tmp_path / "whole")


@pytest.mark.parametrize(("every", "steps"), [(8, [8, 16, 20]), (10, [10, 20]), (0, [])])
def test_memory_is_looked_at_now_and_then_and_at_the_end(
    recorder: Recorder, log: TrainingLog, every: int, steps: list[int]
) -> None:
    recorder.run(log, replace(TRAINING, memorization_every=every))
    assert recorder.steps_of("memory") == steps
    rows = [row for row in read_metrics(log.path) if "copies" in row]
    assert rows == [{"step": step, "copies": 0.5} for step in steps]


@settings(max_examples=examples(30), deadline=None)
@example(every=2, step_seconds=9.625, preview_seconds=1.0, before=0.0)
@given(
    every=st.integers(1, 20),
    step_seconds=st.floats(0.01, 10),
    preview_seconds=st.floats(0.01, 100),
    before=st.floats(0, 1e5),
)
def test_previews_take_a_twentieth_of_the_time_at_most(
    tmp_path_factory: pytest.TempPathFactory,
    every: int,
    step_seconds: float,
    preview_seconds: float,
    before: float,
) -> None:
    recorder = Recorder(step_seconds=step_seconds, preview_seconds=preview_seconds)
    log = TrainingLog(tmp_path_factory.mktemp("loop") / "log")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "time", SimpleNamespace(perf_counter=recorder.clock.perf_counter))
        training = replace(TRAINING, steps=400, checkpoint_every=1000, preview_every=every)
        recorder.run(log, training, seconds=before)
    drawn = recorder.steps_of("preview")
    assert drawn[0] == every  # the first is drawn whatever it takes
    previewing = 0.0
    for step in range(every, 400, every):
        share = 0.05 * (step * step_seconds + previewing)
        if step in drawn:
            previewing += preview_seconds
            assert step == every or previewing <= share + 1e-6
        else:  # skipped only where it would have exceeded the share at this step
            assert previewing + preview_seconds > share - 1e-6
    assert set(drawn) <= set(range(every, 400, every))
