"""Command line of `ddpm export`."""

from __future__ import annotations

import argparse
from argparse import Namespace
from pathlib import Path

from ddpm.commands.options import Option, add_options, named_values, switch
from ddpm.terminal import print_result

EXPORT_OPTIONS = (
    Option("target", metavar="RUN|BUNDLED", help="a run folder, its name, or bundled weights"),
    Option(
        "to",
        "--to",
        default="torch",
        choices=("torch", "safetensors"),
        help="file format (default: %(default)s)",
    ),
    Option("out", "--out", Path, metavar="FILE", help="default: NAME.pt or NAME.safetensors"),
    switch("raw", "--raw", "write the raw weights instead of their average"),
    switch("half", "--half", "write in half precision"),
)


def define_export(parser: argparse.ArgumentParser) -> None:
    add_options(parser, EXPORT_OPTIONS)
    parser.set_defaults(command=run_export)


def run_export(options: Namespace) -> None:
    from ddpm.commands.export.export import export

    print_result(export(**named_values(EXPORT_OPTIONS, options)))
