"""The run folder: the one place that knows its file names. Standard library only.

runs/<name>/config.json environment.json metrics.jsonl checkpoints/ previews/ samples/
            loss.png samples.png denoising.gif evaluation.json teacher.safetensors
            sampler-lab.json sampler-lab.png sampler-lab/
            posthoc/ ema.json ema.png average/
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from ddpm.files import parse_json
from ddpm.messages import Message
from ddpm.old_messages import message_of, upgraded

CHECKPOINT_PREFIX = "step-"

_FACTS: dict[str, type] = {"data": dict, "init": str, "teacher": dict}  # of environment.json
_LONGEST_LINE = 1 << 20  # bytes of a row
_COUNTS = {"step": range(2**40), "batch": range(1, 2**20 + 1), "epoch": range(2**40)}  # of a row
_LARGEST = 1e100  # of a row's other numbers; sums of them stay finite


@dataclass(frozen=True)
class RunFolder:
    """Paths inside one run; nothing is created by asking for a path."""

    root: Path

    @property
    def config(self) -> Path:
        return self.root / "config.json"

    @property
    def environment(self) -> Path:
        return self.root / "environment.json"

    @property
    def lock(self) -> Path:
        """Held by the process that trains here."""
        return self.root / ".lock"

    @property
    def metrics(self) -> Path:
        return self.root / "metrics.jsonl"

    @property
    def checkpoints(self) -> Path:
        return self.root / "checkpoints"

    @property
    def teacher(self) -> Path:
        """What a few-step student learns from: weights that never change."""
        return self.root / "teacher.safetensors"

    @property
    def snapshots(self) -> Path:
        """Averages of the weights put aside while training, for `ddpm ema`."""
        return self.root / "posthoc"

    @property
    def average(self) -> Path:
        """The average that `ddpm ema --apply` chose to draw with; absent: the newest checkpoint's."""
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
        """The pseudo-class of every image, where the run learns such."""
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
        """What a finished training draws; a GIF only where there is a reverse process to show."""
        return self.loss_plot, self.sample_grid, *([self.denoising] if reverse_process else [])

    def preview(self, step: int) -> Path:
        return self.previews / f"{CHECKPOINT_PREFIX}{step:08d}.png"

    def snapshot(self, step: int) -> Path:
        return self.snapshots / f"{CHECKPOINT_PREFIX}{step:08d}.safetensors"

    def snapshot_steps(self) -> list[int]:
        """Steps whose averages were put aside, rising."""
        found = self.snapshots.glob(f"{CHECKPOINT_PREFIX}*") if self.snapshots.is_dir() else ()
        names = (path.stem.removeprefix(CHECKPOINT_PREFIX) for path in found)
        return sorted(int(name) for name in names if name.isdecimal())

    def checkpoint(self, step: int) -> Path:
        return self.checkpoints / f"{CHECKPOINT_PREFIX}{step:08d}"

    def checkpoint_steps(self) -> list[int]:
        """Steps that have a checkpoint, rising."""
        found = self.checkpoints.glob(f"{CHECKPOINT_PREFIX}*") if self.checkpoints.is_dir() else ()
        names = (path.name.removeprefix(CHECKPOINT_PREFIX) for path in found)
        return sorted(int(name) for name in names if name.isdecimal())

    def exists(self) -> bool:
        """Whether a run was begun here."""
        return self.config.is_file()

    def has_begun(self) -> bool:
        """Whether a training has written here; a config.json alone may be anybody's."""
        return self.exists() and self.environment.is_file()

    def load_environment(self) -> dict[str, Any]:
        """What the run recorded about its machine and data; empty where nothing was."""
        try:
            loaded = parse_json(self.environment.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        facts = loaded.items() if isinstance(loaded, dict) else ()
        fitting = {key: value for key, value in facts if isinstance(value, _FACTS.get(key, object))}
        found: dict[str, Any] = upgraded(fitting)
        return found


def list_runs(folder: Path) -> list[RunFolder]:
    """Every run directly inside `folder`, by name."""
    if not folder.is_dir():
        return []
    runs = (RunFolder(path) for path in sorted(folder.iterdir()) if path.is_dir())
    return [run for run in runs if run.exists()]


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The rows of a metrics.jsonl, unreadable lines left out; none where there is no file.

    Such a line is the last one of a process that was killed while it wrote, or the disk's fault.
    """
    if not path.is_file():
        return []
    with path.open("rb") as file:
        rows = (_row(line.decode("utf-8", "replace")) for line in _lines(file))
        return [row for row in rows if row is not None]


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """The lines, none held in memory that is longer than any row."""
    whole = True
    while line := file.readline(_LONGEST_LINE):
        began, whole = whole, line.endswith(b"\n")
        if began and (whole or len(line) < _LONGEST_LINE):
            yield line


def _row(line: str) -> dict[str, Any] | None:
    """The row on a line; None where the line holds none."""
    try:
        row = parse_json(line)
    except ValueError:
        return None
    plain = isinstance(row, dict) and all(_fits(name, value) for name, value in row.items())
    if not plain or "step" not in row:
        return None
    return row if "warning" not in row else {**row, "warning": _message(row["warning"])}


def _message(warning: Any) -> Message:
    """The message of a warning, which older versions wrote as a sentence."""
    return warning if isinstance(warning, dict) else message_of(str(warning))


def _fits(name: str, value: Any) -> bool:
    """Whether a row can hold `value` under that name: numbers, lists of them with gaps, text."""
    if name in _COUNTS:
        return type(value) is int and value in _COUNTS[name]
    if name.endswith("loss"):
        return _is_number(value)
    if isinstance(value, list):
        return all(inner is None or _is_number(inner) for inner in value)
    if name == "warning" and isinstance(value, dict):
        return all(_fits(name, inner) for inner in value.values())
    return isinstance(value, str) or _is_number(value)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and -_LARGEST < value < _LARGEST  # neither nan nor infinite


RUNS_FOLDER = Path("runs")


def find_run(target: str) -> RunFolder | None:
    """The run folder meant by a path or a name below `runs/`; None where there is none."""
    for path in (Path(target), RUNS_FOLDER / target):
        if RunFolder(path).exists():
            return RunFolder(path)
    return None


COMPARISON_FILE = "comparison.json"
