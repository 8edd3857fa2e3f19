"""Kinds of arguments, and the options that several commands share. Standard library only."""

from __future__ import annotations

import argparse
import typing
from argparse import Namespace
from pathlib import Path

from ddpm.config import SamplerName, ScaleName, load_config
from ddpm.data.catalogue import absolute
from ddpm.loading.targets import TargetRequest
from ddpm.runs import RunFolder

SAMPLERS = typing.get_args(SamplerName)
SCALES = typing.get_args(ScaleName)


def _number(text: str, low: float, high: float, words: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise argparse.ArgumentTypeError(f"{text!r} should be {words}")
    return value


def positive(text: str) -> float:
    """A number above 0."""
    return _number(text, 1e-9, 1e9, "a number above 0")


def share(text: str) -> float:
    """A number from 0 to 1."""
    return _number(text, 0, 1, "a number from 0 to 1")


def _whole(text: str, low: int, words: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = low - 1
    if not low <= value < 2**63:
        raise argparse.ArgumentTypeError(f"{text!r} should be {words}")
    return value


def count(text: str) -> int:
    """A whole number of at least 1."""
    return _whole(text, 1, "a whole number of at least 1")


def natural(text: str) -> int:
    """A whole number of at least 0."""
    return _whole(text, 0, "a whole number of at least 0")


def grid(text: str) -> tuple[int, int]:
    """Rows and columns, such as 5x5."""
    rows, _, columns = text.lower().partition("x")
    try:
        return count(rows), count(columns)
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} should be rows x columns, such as 5x5"
        ) from error


def add_sampling(parser: argparse.ArgumentParser) -> None:
    """Options of every command that draws pictures."""
    parser.add_argument("--seed", type=natural, default=0, help="of the first image (default: 0)")
    parser.add_argument("--label", help="class to draw, for models that learned labels")
    add_settings(parser)


def add_settings(parser: argparse.ArgumentParser) -> None:
    """How to draw, and where to compute."""
    parser.add_argument(
        "--sampler", choices=SAMPLERS, help="default: the run's own few-step choice"
    )
    parser.add_argument("--steps", type=count, help="sampling steps")
    parser.add_argument(
        "--guidance", type=positive, metavar="SCALE", help="towards the label; 1 is none"
    )
    add_device(parser)
    add_set(parser)


def add_device(parser: argparse.ArgumentParser) -> None:
    """Where to compute."""
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps (default: auto)")


def add_scale(parser: argparse.ArgumentParser) -> None:
    """Which size of a preset."""
    parser.add_argument(
        "--scale", choices=SCALES, help="size of a preset that has several (default: by the device)"
    )


def add_set(parser: argparse.ArgumentParser) -> None:
    """Any other setting."""
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="any configuration key"
    )


def sampling_overrides(options: Namespace) -> list[str]:
    """The options of drawing as `sampling.key=value`, with --set behind them."""
    asked = {name: getattr(options, name) for name in ("sampler", "steps", "guidance")}
    named = [f"sampling.{name}={value}" for name, value in asked.items() if value is not None]
    return [*named, *options.set]


def optional_path(text: str | None) -> Path | None:
    """The path that was given, if any."""
    return None if text is None else Path(text)


NETWORKS = ("auto", "digits", "self", "inception", "dino")


def add_measure(parser: argparse.ArgumentParser) -> None:
    """Options of every command that measures."""
    parser.add_argument(
        "--reference", metavar="DATA", help="the real images; default: a run's own training images"
    )
    parser.add_argument("-n", type=count, help="how many images (default: 1000, or all there are)")
    parser.add_argument(
        "--features",
        choices=NETWORKS,
        default="auto",
        help="feature network (default: %(default)s)",
    )
    parser.add_argument(
        "--weights", metavar="PATH", help="of the feature network inception or dino"
    )
    parser.add_argument(
        "--seed", type=natural, default=0, help="of the first image drawn, and of all chance"
    )
    parser.add_argument(
        "--likelihood",
        type=natural,
        default=64,
        metavar="M",
        help="held-out images whose bits/dim a diffusion model tells; 0 is off (default: 64)",
    )
    add_settings(parser)


def _add_changes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", metavar="PATH|NAME", help="other images than its own")
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_scale(parser)
    add_device(parser)
    add_set(parser)


def _asked(options: Namespace) -> TargetRequest:
    from ddpm.loading.targets import TargetRequest

    data = None if options.data is None else absolute(options.data)
    return TargetRequest(options.target, data, options.scale, options.device, options.set)


def print_outcome(run: RunFolder, status: int) -> int:
    """Name the pictures of a finished run."""
    if status == 0:
        for path in run.pictures(load_config(run.config).has_reverse_process):
            print(path)
    return status
