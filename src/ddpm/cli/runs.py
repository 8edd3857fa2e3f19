"""`ddpm export` and `ddpm runs`: what is kept of a training."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from ddpm.cli.arguments import Add, optional_path
from ddpm.config import load_config
from ddpm.errors import RequestError
from ddpm.runs import list_runs


def define_export(add: Add) -> None:
    parser = add("export", help="write the weights for other programs")
    parser.add_argument("target", metavar="RUN|BUNDLED")
    parser.add_argument("--to", choices=("torch", "safetensors"), default="torch")
    parser.add_argument("--out", metavar="FILE", help="default: NAME.pt or NAME.safetensors")
    parser.add_argument(
        "--raw", action="store_true", help="the raw weights instead of their average"
    )
    parser.add_argument("--half", action="store_true", help="in half precision")
    parser.set_defaults(command=run_export)


def define_runs(add: Add) -> None:
    parser = add("runs", help="list the runs in a folder")
    parser.add_argument("folder", nargs="?", default="runs", help="default: %(default)s")
    parser.set_defaults(command=run_runs)


def run_export(options: Namespace) -> None:
    from ddpm.workflows.export import export_weights

    choices = {"raw": options.raw, "half": options.half}
    print(export_weights(options.target, options.to, optional_path(options.out), **choices))


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
