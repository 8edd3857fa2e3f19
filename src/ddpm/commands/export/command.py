"""Command line of `ddpm export`."""

from __future__ import annotations

import argparse
from argparse import Namespace
from pathlib import Path

from ddpm.commands.options import Option, add_options, make_request, switch
from ddpm.terminal import print_result

EXPORT_OPTIONS = (
    Option("target", metavar="RUN|BUNDLED", help="a run folder, its name, or bundled weights"),
    Option(
        "to",
        "--to",
        default="torch",
        choices=("torch", "safetensors", "onnx", "diffusers", "page"),
        help="format (default: %(default)s)",
    ),
    Option("out", "--out", Path, metavar="PATH", help="default: NAME and the format's suffix"),
    switch("raw", "--raw", "write the raw weights instead of their average"),
    switch("half", "--half", "store the weights in half precision"),
    switch("eight_bit", "--eight-bit", "safetensors: store the weights in eight bits"),
    Option(
        "guidance",
        "--guidance",
        default="out",
        choices=("in", "out"),
        help="onnx: `in` adds an input for the guidance scale to the graph (default: %(default)s)",
    ),
    Option(
        "push",
        "--push",
        metavar="OWNER/NAME",
        help="diffusers: also upload the folder to the Hugging Face Hub",
    ),
    Option(
        "beside",
        "--beside",
        metavar="RUN|BUNDLED",
        help="page: a second model, sampled side by side",
    ),
    Option(
        "runtime",
        "--runtime",
        Path,
        metavar="DIR",
        help="page: folder dist of the npm package onnxruntime-web (default: fetched once)",
    ),
)


def define_export(parser: argparse.ArgumentParser) -> None:
    add_options(parser, EXPORT_OPTIONS)
    parser.set_defaults(command=run_export)


def run_export(options: Namespace) -> None:
    from ddpm.commands.export.export import write_export
    from ddpm.commands.export.export_request import ExportRequest

    for path in write_export(make_request(ExportRequest, EXPORT_OPTIONS, options)):
        print_result(path)
