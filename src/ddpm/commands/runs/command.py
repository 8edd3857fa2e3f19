"""commands.runs.command."""

from __future__ import annotations

import argparse
from argparse import Namespace
from pathlib import Path

from ddpm.config import load_config
from ddpm.errors import RequestError
from ddpm.runs import list_runs


def define_runs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", nargs="?", default="runs", help="default: %(default)s")
    parser.set_defaults(command=run_runs)


def run_runs(options: Namespace) -> None:
    if options.folder != "runs" and not Path(options.folder).is_dir():
        raise RequestError(f"There is no folder {options.folder}; give one that holds runs.")
    found = list_runs(Path(options.folder))
    for run in found:
        try:
            config, steps = load_config(run.config), run.checkpoint_steps()
        except RequestError as error:
            print(f"{run.root}  {error}")
            continue
        print(
            f"{run.root}  {config.preset}  step {steps[-1] if steps else 0} of {config.training.steps}"
        )
    if not found:
        print(f"There are no runs in {options.folder}; make one with: ddpm demo")
