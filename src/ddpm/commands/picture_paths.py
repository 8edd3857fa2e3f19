"""Paths of the pictures of a finished run, printed by the commands that train."""

from __future__ import annotations

from ddpm.config import load_config
from ddpm.runs import RunFolder
from ddpm.terminal import print_result


def print_picture_paths(run: RunFolder, status: int) -> int:
    """Print the paths of a finished run's pictures; return the exit status."""
    if status == 0:
        for path in run.pictures(load_config(run.config).has_reverse_process):
            print_result(path)
    return status
