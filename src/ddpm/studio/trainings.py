"""Trainings that the studio starts: `ddpm train` in processes of their own, which outlive the server.

A record beside the runs (`.studio/trainings/RUN.json`, and its output in `RUN.log`) lets a later server
say how a training ended. Whether a run is being trained is read from its lock, whoever started it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ddpm.files import read_json, write_json
from ddpm.locking import holder_of, is_held, lock_while_open
from ddpm.runs import RunFolder
from ddpm.studio.child_processes import child_environment, module_command
from ddpm.studio.refusals import RefusalError
from ddpm.studio.run_index import run_id
from ddpm.terminal import escape

STUDIO_FOLDER = ".studio"  # in the runs folder: records and uploads
_MAX_LOG = 1 << 16  # bytes of the output that are read, from its end
_ERROR = "ddpm: "  # begins the sentence of a failed command
_STOPPED = "Stopped."


@dataclass(frozen=True)
class TrainingRecord:
    """A training that the studio started."""

    run: str  # name of the run folder
    words: list[str]  # after `ddpm`
    pid: int
    started: float  # seconds since 1970


class Trainings:
    """Starts, stops and remembers the trainings of one runs folder."""

    def __init__(self, runs: Path, limit: int) -> None:
        self._folder = runs / STUDIO_FOLDER / "trainings"
        self._limit = limit
        self._processes: dict[str, subprocess.Popen[bytes]] = {}  # by name of the run

    def start(self, run: RunFolder, words: Sequence[str]) -> None:
        """Run `ddpm WORDS` for a run, detached from this process.

        RefusalError: as many trainings of this server run as it allows (429), or this one runs already (409).
        """
        if self.is_running(run):
            raise RefusalError(409, f"{run.root} is being trained already.")
        running = sum(process.poll() is None for process in self._processes.values())
        if running >= self._limit:
            raise RefusalError(
                429, f"{running} trainings are running, which is the limit; stop one of them first."
            )
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._log(run).open("wb") as output:
            lock_while_open(output)  # until the training ends, since it inherits the file
            process = subprocess.Popen(
                [*module_command("ddpm"), *words],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=child_environment(),
                start_new_session=True,  # closing the terminal or the server ends no training
            )
        self._processes[run.root.name] = process
        record = TrainingRecord(run.root.name, list(words), process.pid, time.time())
        write_json(self._record(run), vars(record))

    def is_running(self, run: RunFolder) -> bool:
        """Return whether a process trains the run, or is about to."""
        return self.pid(run) is not None

    def pid(self, run: RunFolder) -> int | None:
        """Return the id of the process that trains the run; None if there is none, 0 if unknown."""
        process = self._processes.get(run.root.name)
        if process is not None and process.poll() is None:
            return process.pid
        if (pid := holder_of(run.lock)) is not None:
            return pid
        record = self._read_record(run) if is_held(self._log(run)) else None  # of another server
        return None if record is None else int(record["pid"])

    def stop(self, run: RunFolder) -> None:
        """Ask the training process to save and end (SIGTERM). RefusalError (409) if there is none."""
        pid = self.pid(run)
        if not pid:
            raise RefusalError(409, f"{run.root} is not being trained.")
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)

    def starting(self) -> list[RunFolder]:
        """Return runs whose training has started but has not written its configuration yet."""
        return [run for run in self._recorded() if not run.exists() and self.is_running(run)]

    def failure(self, run: RunFolder) -> str | None:
        """Return the sentence with which the last training of the run failed; None if it did not."""
        if self._read_record(run) is None or self.is_running(run):
            return None
        lines = [line for line in self.output(run).splitlines() if line.strip()]
        sentences = [line for line in lines if line.startswith(_ERROR)]
        if sentences and not sentences[-1].startswith(_ERROR + _STOPPED):
            return sentences[-1].removeprefix(_ERROR)
        is_traceback = any(line.startswith("Traceback ") for line in lines)
        return f"The training ended with an error: {lines[-1][:300]}" if is_traceback else None

    def failed_starts(self) -> list[tuple[RunFolder, str]]:
        """Return trainings that failed before their run had a configuration, with the sentence."""
        found = [(run, self.failure(run)) for run in self._recorded() if not run.exists()]
        return [(run, sentence) for run, sentence in found if sentence]

    def forget(self, run: RunFolder) -> None:
        """Delete the record of a training."""
        for path in (self._record(run), self._log(run)):
            path.unlink(missing_ok=True)

    def output(self, run: RunFolder) -> str:
        """Return the end of what the training printed, as printable text."""
        try:
            with self._log(run).open("rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - _MAX_LOG))
                text = file.read().decode("utf-8", "replace")
        except OSError:
            return ""
        return escape(text.replace("\r", "\n"), "\n\t")

    def _recorded(self) -> list[RunFolder]:
        """Return the runs that have a record."""
        paths = sorted(self._folder.glob("*.json")) if self._folder.is_dir() else []
        return [RunFolder(self._folder.parent.parent / path.stem) for path in paths]

    def _read_record(self, run: RunFolder) -> dict[str, Any] | None:
        try:
            found = read_json(self._record(run))
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) and type(found.get("pid")) is int else None

    def _record(self, run: RunFolder) -> Path:
        return self._folder / f"{run_id(run.root.name)}.json"

    def _log(self, run: RunFolder) -> Path:
        return self._folder / f"{run_id(run.root.name)}.log"
