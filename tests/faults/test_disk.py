"""A bad disk: full, read-only, damaged. One sentence each time, and the last good state stays whole."""

from __future__ import annotations

import errno
import json
import os
import pkgutil
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL.Image import Image

from ddpm.cli import main
from ddpm.commands.train import recorder
from ddpm.config import FORMAT_VERSION
from ddpm.runs import RunFolder
from ddpm.training import checkpoint
from ddpm.training.log import TrainingLog
from tests.faults.harness import differences, leftovers, rows, weights

SETTINGS = (
    "network.channels=8",
    "network.attention=[]",
    "data.labels=false",
    "training.optimizer=adamw",
    "training.batch_size=8",
    "training.checkpoint_every=2",
    "training.preview_every=3",
    "sampling.steps=2",
)
Patch = pytest.MonkeyPatch


def train(run: RunFolder, steps: int = 6) -> int:
    chosen = [word for setting in SETTINGS for word in ("--set", setting)]
    return main(["train", "digits", "--out", str(run.root), "--steps", str(steps), *chosen])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> RunFolder:
    run = RunFolder(tmp_path_factory.mktemp("disk") / "run")  # the plot names its folder
    assert train(run) == 0
    return run


@pytest.fixture
def copy(whole: RunFolder, tmp_path: Path) -> RunFolder:
    """A run that lacks its end, as if it had been killed after step 5."""
    shutil.copytree(whole.root, tmp_path / "run")
    run = RunFolder(tmp_path / "run")
    shutil.rmtree(run.checkpoint(6))
    return run


def refusing(place: Any, name: str, nth: int, number: int = errno.ENOSPC) -> Callable[..., Any]:
    """`place.name`, whose nth call the disk refuses, and every one after it."""
    real, calls = getattr(place, name), []

    def refuse(*arguments: Any, **options: Any) -> Any:
        calls.append(name)
        if len(calls) >= nth:
            raise OSError(number, os.strerror(number))
        return real(*arguments, **options)

    return refuse


# Where a disk may be full, and which file is named; from the first checkpoint on that one is whole.
FULL = [
    ("os", "fsync", 1, "environment.json"),
    ("os", "replace", 2, "config.json"),
    ("os", "replace", 3, "metrics.jsonl"),
    ("ddpm.training.checkpoint", "save_file", 2, "step-00000002"),
    ("ddpm.training.checkpoint", "save_file", 4, "step-00000004"),
    ("os", "fsync", 9, "step-00000002"),
    ("PIL.Image:Image", "save", 1, "step-00000003.png"),
]


@pytest.mark.parametrize(("place", "name", "nth", "file"), FULL)
def test_a_full_disk_is_one_sentence_and_no_loss(
    whole: RunFolder, tmp_path: Path, monkeypatch: Patch, capsys: pytest.CaptureFixture[str],
    place: str, name: str, nth: int, file: str,
) -> None:  # fmt: skip
    owner, run = pkgutil.resolve_name(place), RunFolder(tmp_path / "run")
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, refusing(owner, name, nth))
        assert train(run) == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert "No space left on device" in last and file in last and ".tmp-" not in last
    assert last.startswith("ddpm: ") and "free space" in last
    assert not leftovers(run) or not run.root.exists()
    for step in run.checkpoint_steps():
        checkpoint.load(run.checkpoint(step))
        assert f"The checkpoint of step {step} is intact" in last or step < max(
            run.checkpoint_steps()
        )
    assert train(run) == 0  # there is room again
    assert differences(run, whole) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a full device")
def test_a_log_on_a_full_device(
    whole: RunFolder, tmp_path: Path, monkeypatch: Patch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Full(TrainingLog):
        def __init__(self, path: Path, **options: Any) -> None:
            super().__init__(path, **options)
            self.file.close()
            self.file = Path("/dev/full").open("a", encoding="utf-8")  # noqa: SIM115

    run = RunFolder(tmp_path / "run")
    with monkeypatch.context() as patch:
        patch.setattr(recorder, "TrainingLog", Full)
        assert train(run) == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith(f"ddpm: {run.metrics}: No space left on device. Check the free space")
    assert train(run) == 0 and differences(run, whole) == []


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES])
def test_a_folder_that_cannot_be_written(
    tmp_path: Path, monkeypatch: Patch, capsys: pytest.CaptureFixture[str], number: int
) -> None:
    run = RunFolder(tmp_path / "run")
    with monkeypatch.context() as patch:
        patch.setattr(os, "access", lambda path, mode: False)
        assert train(run) == 2
    assert "is read-only. Pass another path" in capsys.readouterr().err
    with monkeypatch.context() as patch:  # where the system says so only when it is tried
        patch.setattr(os, "replace", refusing(os, "replace", 1, number))
        assert train(run) == 1
    assert os.strerror(number) in capsys.readouterr().err
    assert not run.root.exists()


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


DAMAGE: dict[str, Callable[[Path], Any]] = {
    "flipped": flip, "cut": cut, "empty": lambda path: path.write_bytes(b""), "gone": Path.unlink,
}  # fmt: skip
FILES = ("ema.safetensors", "weights.safetensors", "optimizer.safetensors", "state.json")


@pytest.mark.parametrize(("file", "kind"), list(zip(FILES, DAMAGE, strict=True)))
def test_a_damaged_checkpoint_is_said_and_the_one_before_taken(
    copy: RunFolder, whole: RunFolder, capsys: pytest.CaptureFixture[str], file: str, kind: str
) -> None:
    DAMAGE[kind](copy.checkpoint(4) / file)
    assert train(copy) == 0
    said = capsys.readouterr().err
    assert f"The checkpoint {copy.checkpoint(4)} is damaged" in said
    assert "Using the previous checkpoint." in said and "resuming at step 2 of 6" in said
    assert differences(copy, whole) == []


def test_a_damaged_checkpoint_does_not_count_as_one_of_the_last_two(
    copy: RunFolder, whole: RunFolder
) -> None:
    """Stopped and saved at step 5, which is in no other run: nothing writes it again."""
    shutil.copytree(copy.checkpoint(4), copy.checkpoint(5))
    cut(copy.checkpoint(5) / "weights.safetensors")
    assert train(copy) == 0
    assert copy.checkpoint_steps() == whole.checkpoint_steps() == [2, 4, 6]


def test_a_damaged_checkpoint_is_never_called_whole(
    copy: RunFolder, monkeypatch: Patch, capsys: pytest.CaptureFixture[str]
) -> None:
    cut(copy.checkpoint(4) / "weights.safetensors")
    monkeypatch.setattr(Image, "save", refusing(Image, "save", 1))
    assert train(copy) == 1
    assert "The checkpoint of step 2 is intact" in capsys.readouterr().err.splitlines()[-1]


def test_a_file_that_the_disk_cannot_read_is_damage_too(
    copy: RunFolder, monkeypatch: Patch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = checkpoint._sha256

    def unreadable(path: Path) -> str:
        if path.parent == copy.checkpoint(4):
            raise OSError(errno.EIO, "Input/output error")
        return real(path)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "_sha256", unreadable)
        assert train(copy) == 0
    assert "is damaged" in capsys.readouterr().err


def test_a_file_that_cannot_be_opened_is_not_called_damaged(
    copy: RunFolder, monkeypatch: Patch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A missing permission says nothing about the content: no checkpoint is skipped or deleted."""
    steps = copy.checkpoint_steps()
    real = checkpoint._sha256

    def refused(path: Path) -> str:
        if path.parent == copy.checkpoint(4):
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "_sha256", refused)
        assert train(copy) == 1
    said = capsys.readouterr().err
    assert "cannot be read (Permission denied)" in said and "damaged" not in said
    assert copy.checkpoint_steps() == steps


def test_where_every_checkpoint_is_damaged_it_refuses(
    copy: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    for step in copy.checkpoint_steps():
        cut(copy.checkpoint(step) / "weights.safetensors")
    before = rows(copy), weights(copy, 2)
    assert train(copy) == 2
    said = capsys.readouterr().err.splitlines()
    assert sum("Using the previous checkpoint" in line for line in said) == 1  # of 4, not of 2
    assert "All checkpoints of" in said[-1]
    assert "Train again with another --out" in said[-1]
    assert (rows(copy), weights(copy, 2)) == before


def test_a_run_of_a_newer_version_is_refused_with_the_way_out(
    copy: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    config = json.loads(copy.config.read_text(encoding="utf-8"))
    newer = {**config, "format": FORMAT_VERSION + 1, "unheard_of": {"key": 1}}
    copy.config.write_text(json.dumps(newer), encoding="utf-8")
    for arguments in (["train", str(copy.root)], ["sample", str(copy.root)]):
        assert main(arguments) == 2
        said = capsys.readouterr().err
        assert f"format {FORMAT_VERSION + 1}, but this version of ddpm-studio reads" in said
        assert "use the version that wrote it, or train again" in said


def test_a_half_written_cache_is_decoded_anew(
    whole: RunFolder, tmp_path: Path, monkeypatch: Patch
) -> None:
    own = tmp_path / "own-cache"
    monkeypatch.setenv("DDPM_CACHE_DIR", str(own))
    assert train(RunFolder(tmp_path / "first")) == 0
    for file in list(own.rglob("*.npy")) + list((own / "surveys").iterdir()):
        cut(file)
    run = RunFolder(tmp_path / "run")
    assert train(run) == 0 and differences(run, whole) == []
