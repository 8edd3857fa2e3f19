"""Run folders: the names of their files, and the rows of their log. Standard library only.

runs/<name>/config.json environment.json metrics.jsonl checkpoints/ previews/ samples/
            loss.png samples.png denoising.gif evaluation.json teacher.safetensors
            teacher-guide.safetensors
            sampler-lab.json sampler-lab.png sampler-lab/
            posthoc/ ema.json ema.png average/
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from ddpm.errors import RequestError
from ddpm.files import parse_json, read_json
from ddpm.messages import Message
from ddpm.old_messages import parse_old_sentence, upgrade_messages

RUNS_FOLDER = Path("runs")
COMPARISON_FILE = "comparison.json"  # in the folder of a comparison
CHECKPOINT_PREFIX = "step-"

_ENVIRONMENT_TYPES: dict[str, type] = {"data": dict, "init": str, "teacher": dict}
_MAX_LINE = 1 << 20  # bytes of a row
_COUNT_RANGES = {"step": range(2**40), "batch": range(1, 2**20 + 1), "epoch": range(2**40)}
_MAX_NUMBER = 1e100  # absolute value of the other numbers of a row; their sums stay finite


@dataclass(frozen=True)
class RunFolder:
    """Paths of the files of one run. Reading a path creates nothing."""

    root: Path

    @property
    def config(self) -> Path:
        return self.root / "config.json"

    @property
    def environment(self) -> Path:
        return self.root / "environment.json"

    @property
    def lock(self) -> Path:
        """Lock held by the process that trains this run."""
        return self.root / ".lock"

    @property
    def metrics(self) -> Path:
        return self.root / "metrics.jsonl"

    @property
    def checkpoints(self) -> Path:
        return self.root / "checkpoints"

    @property
    def teacher(self) -> Path:
        """Weights of a few-step student's teacher, which never change."""
        return self.root / "teacher.safetensors"

    @property
    def teacher_guide(self) -> Path:
        """Weights of the model that guides the teacher, if that is not bundled."""
        return self.root / "teacher-guide.safetensors"

    @property
    def snapshots(self) -> Path:
        """Averages of the weights saved during training, for `ddpm ema`."""
        return self.root / "posthoc"

    @property
    def average(self) -> Path:
        """Averaged weights chosen by `ddpm ema --apply`; without it, models use the newest checkpoint's."""
        return self.root / "average"

    @property
    def average_weights(self) -> Path:
        return self.average / "weights.safetensors"

    @property
    def average_choice(self) -> Path:
        return self.average / "choice.json"

    @property
    def ema(self) -> Path:
        return self.root / "ema.json"

    @property
    def ema_plot(self) -> Path:
        return self.root / "ema.png"

    @property
    def previews(self) -> Path:
        return self.root / "previews"

    @property
    def samples(self) -> Path:
        return self.root / "samples"

    @property
    def tensorboard(self) -> Path:
        return self.root / "tensorboard"

    @property
    def classes(self) -> Path:
        """Cluster of every image, for a run with `data.labels=kmeans:K`."""
        return self.root / "classes.npy"

    @property
    def loss_plot(self) -> Path:
        return self.root / "loss.png"

    @property
    def sample_grid(self) -> Path:
        return self.root / "samples.png"

    @property
    def denoising(self) -> Path:
        return self.root / "denoising.gif"

    @property
    def evaluation(self) -> Path:
        return self.root / "evaluation.json"

    @property
    def sampler_lab(self) -> Path:
        return self.root / "sampler-lab.json"

    @property
    def sampler_lab_plot(self) -> Path:
        return self.root / "sampler-lab.png"

    @property
    def sampler_lab_points(self) -> Path:
        return self.root / "sampler-lab"

    def pictures(self, reverse_process: bool) -> tuple[Path, ...]:
        """Return the pictures of a finished run; without a reverse process there is no GIF."""
        return self.loss_plot, self.sample_grid, *([self.denoising] if reverse_process else [])

    def preview(self, step: int) -> Path:
        return self.previews / f"{CHECKPOINT_PREFIX}{step:08d}.png"

    def snapshot(self, step: int) -> Path:
        return self.snapshots / f"{CHECKPOINT_PREFIX}{step:08d}.safetensors"

    def snapshot_steps(self) -> list[int]:
        """Return the steps that have a snapshot, ascending."""
        return _steps(path.stem for path in _entries(self.snapshots))

    def checkpoint(self, step: int) -> Path:
        return self.checkpoints / f"{CHECKPOINT_PREFIX}{step:08d}"

    def checkpoint_steps(self) -> list[int]:
        """Return the steps that have a checkpoint, ascending."""
        return _steps(path.name for path in _entries(self.checkpoints))

    def early_state(self, step: int | None = None) -> str:
        """Return the saved state nearest to a tenth of `step`, as `sampling.guide` names it.

        None: of the newest checkpoint. "" if none lies in the first half. A tenth was best for the faces of
        docs/results.md (step 1,000).
        """
        newest = max(self.checkpoint_steps(), default=0) if step is None else step
        saved = {"step": self.checkpoint_steps(), "snapshot": self.snapshot_steps()}
        early = [(k, n) for k, steps in saved.items() for n in steps if 0 < n <= newest / 2]
        if not early:
            return ""
        kind, step = min(early, key=lambda state: abs(math.log(10 * state[1] / newest)))
        return f"{kind}:{step}"

    def exists(self) -> bool:
        """Return whether the folder holds a configuration."""
        return self.config.is_file()

    def has_started(self) -> bool:
        """Return whether training has started. A config.json alone may belong to another program."""
        return self.exists() and self.environment.is_file()

    def load_environment(self) -> dict[str, Any]:
        """Return environment.json (the machine and the data), or {} if it is missing or unreadable."""
        try:
            loaded = read_json(self.environment)
        except (OSError, ValueError):
            return {}
        items = loaded.items() if isinstance(loaded, dict) else ()
        valid = {k: v for k, v in items if isinstance(v, _ENVIRONMENT_TYPES.get(k, object))}
        environment: dict[str, Any] = upgrade_messages(valid)
        return environment


def _entries(folder: Path) -> Iterable[Path]:
    return folder.glob(f"{CHECKPOINT_PREFIX}*") if folder.is_dir() else ()


def _steps(names: Iterable[str]) -> list[int]:
    """Return the step numbers of names such as `step-00000500`, ascending."""
    numbers = (name.removeprefix(CHECKPOINT_PREFIX) for name in names)
    return sorted(int(number) for number in numbers if number.isdecimal())


def find_run(target: str) -> RunFolder | None:
    """Return the run with the path `target`, else `runs/<target>`; None if neither is a run."""
    for path in (Path(target), RUNS_FOLDER / target):
        if RunFolder(path).exists():
            return RunFolder(path)
    return None


def find_checkpoint(target: str) -> tuple[RunFolder, int] | None:
    """Return the run and step of a path such as `runs/mnist/checkpoints/step-00000500` or `…/500`.

    None if the path is not inside the checkpoints folder of a run. The checkpoint may be missing.
    """
    path = Path(target) if len(Path(target).parts) > 2 else Path(target).absolute()
    run, step = RunFolder(path.parent.parent), path.name.removeprefix(CHECKPOINT_PREFIX)
    inside = path.parent == run.checkpoints and run.exists()
    return (run, int(step)) if inside and step.isdecimal() else None


def list_runs(folder: Path | str) -> list[RunFolder]:
    """Return the runs directly inside `folder`, sorted by name. RequestError if it is no path.

    >>> [run.root.name for run in ddpm.list_runs(Path("runs"))][:2]
    ['anime', 'digits']
    """
    if not isinstance(folder, str | os.PathLike):
        raise RequestError(f"The folder of runs must be a path, not {type(folder).__name__}.")
    folder = Path(folder)
    if not folder.is_dir():
        return []
    runs = (RunFolder(path) for path in sorted(folder.iterdir()) if path.is_dir())
    return [run for run in runs if run.exists()]


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a metrics.jsonl; [] if there is no file.

    Unreadable lines are skipped: a process killed while writing leaves one at the end.
    """
    if not path.is_file():
        return []
    with path.open("rb") as file:
        rows = (_row(line.decode("utf-8", "replace")) for line in _lines(file))
        return [row for row in rows if row is not None]


def read_new_metrics(path: Path, offset: int) -> tuple[list[dict[str, Any]], int]:
    """Return the rows of a metrics.jsonl from byte `offset` on, and the offset after the last whole line.

    ([], offset) if there is no file.
    """
    if not path.is_file():
        return [], offset
    try:
        with path.open("rb") as file:
            file.seek(offset)
            content = file.read()
    except OSError:
        return [], offset
    whole = content[: content.rfind(b"\n") + 1]  # a last line without an end is still being written
    lines = _lines(io.BytesIO(whole))
    rows = (_row(line.decode("utf-8", "replace")) for line in lines)
    return [row for row in rows if row is not None], offset + len(whole)


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Yield the lines of a file that are at most `_MAX_LINE` bytes long."""
    starts_line = True
    while line := file.readline(_MAX_LINE):
        is_line_start, starts_line = starts_line, line.endswith(b"\n")
        if is_line_start and (starts_line or len(line) < _MAX_LINE):
            yield line


def _row(line: str) -> dict[str, Any] | None:
    """Return the row on a line; None if the line is not a row."""
    try:
        row = parse_json(line)
    except ValueError:
        return None
    valid = isinstance(row, dict) and all(_is_valid(name, value) for name, value in row.items())
    if not valid or "step" not in row:
        return None
    return row if "warning" not in row else {**row, "warning": _message(row["warning"])}


def _message(warning: Any) -> Message:
    """Return a warning as a message; older versions wrote a sentence."""
    return warning if isinstance(warning, dict) else parse_old_sentence(str(warning))


def _is_valid(name: str, value: Any) -> bool:
    """Return whether a row may hold `value` under `name`: a number, a list of numbers or nulls, or text."""
    if name in _COUNT_RANGES:
        return type(value) is int and value in _COUNT_RANGES[name]
    if name.endswith("loss"):
        return _is_number(value)
    if isinstance(value, list):
        return all(inner is None or _is_number(inner) for inner in value)
    if name == "warning" and isinstance(value, dict):
        return all(_is_valid(name, inner) for inner in value.values())
    return isinstance(value, str) or _is_number(value)


def _is_number(value: Any) -> bool:
    # False for nan and inf
    return type(value) in (int, float) and -_MAX_NUMBER < value < _MAX_NUMBER
