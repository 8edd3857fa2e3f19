"""Command line of `ddpm runs`, which lists the runs of a folder. Standard library only."""

from __future__ import annotations

import argparse
from argparse import Namespace
from pathlib import Path

from ddpm.commands.options import Option, add_options
from ddpm.config import load_config
from ddpm.errors import RequestError
from ddpm.runs import RUNS_FOLDER, RunFolder, list_runs
from ddpm.terminal import escape, print_result

RUNS_OPTIONS = (
    Option(
        "folder",
        kind=Path,
        default=RUNS_FOLDER,
        nargs="?",
        help="folder that holds the runs (default: %(default)s)",
    ),
)


def define_runs(parser: argparse.ArgumentParser) -> None:
    add_options(parser, RUNS_OPTIONS)
    parser.set_defaults(command=run_runs)


def run_runs(options: Namespace) -> None:
    folder: Path = options.folder
    if folder != RUNS_FOLDER and not folder.is_dir():
        raise RequestError(f"There is no folder {folder}; pass a folder that holds runs.")
    found = list_runs(folder)
    for run in found:
        print_result(escape(_line(run)))
    if not found:
        print_result(f"There are no runs in {folder}. Make one with: ddpm demo")


def _line(run: RunFolder) -> str:
    """Return a run's path, preset and progress, or why its configuration cannot be read."""
    try:
        config, steps = load_config(run.config), run.checkpoint_steps()
    except RequestError as error:
        return f"{run.root}  {error}"
    step = steps[-1] if steps else 0
    return f"{run.root}  {config.preset}  step {step} of {config.training.steps}"
