"""The session of a training: opened, stepped, saved and recovered without the loop."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch

from ddpm.commands.train.session import Session, open_session
from ddpm.config import Config, with_overrides
from ddpm.errors import RequestError, WorkError
from ddpm.messages import message
from ddpm.presets import get_preset
from ddpm.runs import RunFolder, read_metrics
from ddpm.training.checkpoint import load
from ddpm.training.faults import NotFiniteError

FAULT = NotFiniteError(message("not_finite", step=3, quantity="loss", value="nan"))


def config(*overrides: str) -> Config:
    small = (
        "network.channels=8",
        "network.attention=[]",
        "training.optimizer=adamw",
        "training.batch_size=8",
        "training.steps=6",
    )
    return with_overrides(get_preset("digits").config, [*small, *overrides])


@pytest.fixture
def run(workplace) -> RunFolder:  # type: ignore[no-untyped-def]
    return RunFolder(workplace / "runs" / "new")


@contextmanager
def started(run: RunFolder, own: Config) -> Iterator[Session]:
    """A session with its files open, as the loop finds it."""
    with open_session(own, run, None, "cpu", shard=False) as session:
        session.compute_total()
        session.restore()
        session.write_settings()
        with session.attempt():
            yield session


def step(session: Session, number: int) -> None:
    """Train one step and save it."""
    losses = session.model.training_step(*session.batch(number), number)
    session.log({"step": number, **losses, "batch": 8})
    session.save(number, float(number))


def test_a_folder_is_open_in_one_session_at_a_time(run: RunFolder) -> None:
    with (
        open_session(config(), run, None, "cpu", shard=False),
        pytest.raises(RequestError, match="is in use by another process"),
        open_session(config(), run, None, "cpu", shard=False),
    ):
        pass
    assert not run.lock.exists()


def test_epochs_become_a_total_that_a_larger_one_replaces(run: RunFolder) -> None:
    with open_session(config("training.epochs=2"), run, None, "cpu", shard=False) as session:
        session.compute_total()
        images = len(session.inputs.dataset.train)
        assert session.steps == session.model.spec.config.training.steps == -(-2 * images // 8)
    assert not run.exists()  # nothing is written before `write_settings`


def test_a_saved_step_is_where_the_next_session_resumes(run: RunFolder) -> None:
    with started(run, config()) as session:
        step(session, 1)
        step(session, 2)
        weights = {name: x.clone() for name, x in session.model.state()["weights"].items()}
    with started(run, config()) as resumed:
        assert (resumed.start.step, resumed.start.seconds) == (2, 2.0)
        found = resumed.model.state()["weights"]
        assert all(torch.equal(found[name], weights[name]) for name in weights)
        assert resumed.newest is None  # the checkpoint's tensors are not kept in memory


def test_recovery_goes_back_halves_the_rate_and_is_logged(run: RunFolder) -> None:
    own = config()
    with started(run, own) as session:
        step(session, 1)
        step(session, 2)
        for parameter in session.model.learner.network.parameters():  # type: ignore[attr-defined]
            parameter.data.fill_(torch.nan)
    session.recover(FAULT)
    rate = own.training.learning_rate
    assert session.start.step == 2 and session.model.spec.config.training.learning_rate == rate / 2
    with session.attempt():
        step(session, 3)
    rows = read_metrics(run.metrics)
    [warning] = [row for row in rows if "warning" in row]
    assert warning["step"] == 3 and warning["warning"]["code"] == "training_recovered"
    assert load(run.checkpoint(3)).progress["rate"] == 0.5
    with pytest.raises(WorkError, match="halved already"):
        session.recover(FAULT)


def test_old_checkpoints_are_deleted_and_damaged_later_ones_too(run: RunFolder) -> None:
    with started(run, config("training.steps=9")) as session:
        for number in range(1, 8):
            step(session, number)
    assert run.checkpoint_steps() == [1, 3, 6, 7]
    (run.checkpoint(7) / "state.json").unlink()
    longer = config("training.steps=10")
    with started(run, replace(longer)) as session:
        assert session.start.step == 6 and run.checkpoint_steps() == [1, 3, 6]
