"""TensorBoard events hold the numbers of the log."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from ddpm.errors import RequestError
from ddpm.training.log import TrainingLog
from ddpm.training.tensorboard import TensorBoard


@pytest.mark.filterwarnings("ignore")
def test_every_row_of_the_log_becomes_scalars_at_its_step(tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    board = TensorBoard(tmp_path / "events")
    log = TrainingLog(tmp_path / "metrics.jsonl", epoch_size=8, listener=board.write)
    for step in range(1, 5):
        log.write({"step": step, "loss": 1 / step, "batch": 4, "loss_levels": [0.5, float("nan")]})
    log.write({"step": 4, "warning": "words are no curve"})
    log.close()
    board.close()
    events = accumulator.EventAccumulator(str(tmp_path / "events"))
    events.Reload()
    assert [(e.step, e.value) for e in events.Scalars("loss")] == [
        (step, pytest.approx(1 / step)) for step in range(1, 5)
    ]
    assert [e.step for e in events.Scalars("epoch_loss")] == [2, 4]
    assert len(events.Scalars("loss_levels/0")) == 4
    assert "loss_levels/1" not in events.Tags()["scalars"]  # no image fell into that band


def test_its_absence_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(RequestError, match=r"pip install 'ddpm-studio\[track\]'"):
        TensorBoard(tmp_path)
    assert not any(tmp_path.iterdir())


@pytest.mark.skipif(
    sys.platform != "linux", reason="other systems have no names that are not UTF-8"
)
@pytest.mark.filterwarnings("ignore")
def test_a_folder_that_is_not_utf8_gets_its_events(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    folder = tmp_path / os.fsdecode(b"r\xfcn") / "events"
    board = TensorBoard(folder)
    alias = board.alias
    board.write({"step": 1, "loss": 0.5})
    board.close()
    [file] = folder.iterdir()
    assert b"loss" in file.read_bytes()
    assert alias is not None and not alias.parent.exists()
