"""`ddpm export` and `ddpm runs`: what is kept of a training."""

from __future__ import annotations

import argparse
from argparse import Namespace

from ddpm.commands.arguments import optional_path


def define_export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", metavar="RUN|BUNDLED")
    parser.add_argument("--to", choices=("torch", "safetensors"), default="torch")
    parser.add_argument("--out", metavar="FILE", help="default: NAME.pt or NAME.safetensors")
    parser.add_argument(
        "--raw", action="store_true", help="the raw weights instead of their average"
    )
    parser.add_argument("--half", action="store_true", help="in half precision")
    parser.set_defaults(command=run_export)


def run_export(options: Namespace) -> None:
    from ddpm.commands.export.export import export_weights

    choices = {"raw": options.raw, "half": options.half}
    print(export_weights(options.target, options.to, optional_path(options.out), **choices))
