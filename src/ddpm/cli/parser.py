"""What can be typed. Standard library only, so that `--help` answers at once."""

from __future__ import annotations

import argparse

from ddpm.cli import (
    averaging,
    bundling,
    comparing,
    data,
    distilling,
    drawing,
    evaluating,
    planning,
    reporting,
    runs,
    sampler_lab,
    training,
)

DEFINITIONS = (
    training.define_demo,
    training.define_train,
    distilling.define_distill,
    drawing.define_sample,
    drawing.define_forward,
    drawing.define_edit,
    bundling.define_bundle,
    evaluating.define_evaluate,
    comparing.define_compare,
    sampler_lab.define_sampler_lab,
    averaging.define_ema,
    reporting.define_report,
    data.define_data,
    planning.define_plan,
    planning.define_doctor,
    runs.define_export,
    runs.define_runs,
)


def build_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = argparse.ArgumentParser(
        prog="ddpm",
        description="Train, draw from and understand small diffusion models.",
        epilog="Begin with: ddpm demo (offline, a few minutes). "
        "Each command explains itself: ddpm train --help",
    )
    parser.add_argument("--version", action=_Version, help="print the version and stop")
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND")
    for define in DEFINITIONS:
        define(verbs.add_parser)
    return parser


class _Version(argparse.Action):
    """Looks the version up only when asked."""

    def __init__(self, option_strings: list[str], dest: str, help: str | None = None) -> None:
        super().__init__(option_strings, dest, nargs=0, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *rest: object) -> None:
        from importlib.metadata import PackageNotFoundError, version

        try:
            print(f"ddpm-studio {version('ddpm-studio')}")
        except PackageNotFoundError:
            print("ddpm-studio, run from source")
        parser.exit()
