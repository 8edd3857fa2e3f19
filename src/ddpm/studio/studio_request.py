"""The request of `ddpm studio`, and the limits of its server."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ddpm.runs import RUNS_FOLDER

DEFAULT_PORT = 8765
MIB = 1 << 20


@dataclass(frozen=True)
class Limits:
    """Limits of the server: bytes of a request's body, seconds, and counts."""

    json_bytes: int = 1 * MIB
    picture_bytes: int = 16 * MIB
    zip_bytes: int = 1024 * MIB
    uploads_bytes: int = 4096 * MIB  # all uploads together
    head_seconds: float = 20.0  # for the request line and the headers
    body_seconds: float = 20.0  # for a whole body that is read into memory
    stall_seconds: float = 20.0  # between two parts of an upload
    waiting_jobs: int = 64  # of one queue; further ones are answered with 429
    kept_jobs: int = 200  # finished jobs that the page can still show
    frame_bytes: int = 256 * MIB  # frames of all drawings together
    trainings: int = 4  # that the studio runs at the same time


@dataclass(frozen=True)
class StudioRequest:
    """Arguments of `ddpm studio`."""

    runs: Path = RUNS_FOLDER
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT  # 0: any free port
    no_browser: bool = False
    token: str | None = None  # None: a new random one
    allow: tuple[Path, ...] = ()  # folders whose images may be offered for training
    limits: Limits = field(default_factory=Limits)
