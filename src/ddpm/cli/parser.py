"""What can be typed. Standard library only, so that `--help` answers at once."""

from __future__ import annotations

import argparse
import typing
from collections.abc import Callable

from ddpm.cli import commands
from ddpm.config import SamplerName, ScheduleName
from ddpm.presets import PRESETS

Add = Callable[..., argparse.ArgumentParser]
SAMPLERS = typing.get_args(SamplerName)
SCHEDULES = typing.get_args(ScheduleName)


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
    for define in (_demo, _train, _sample, _forward, _edit, _data, _export, _runs):
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


def _demo(add: Add) -> None:
    parser = add("demo", help="train on the digits inside the package: offline, a few minutes")
    parser.add_argument("--out", default="runs/demo", help="run folder (default: %(default)s)")
    parser.set_defaults(command=commands.demo)


def _train(add: Add) -> None:
    presets = "\n".join(f"  {name:<18}{preset.summary}" for name, preset in PRESETS.items())
    parser = add(
        "train",
        help="train a model on images; the same command again goes on where it stopped",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=f"Train a model.\n\npresets:\n{presets}",
        epilog="Every setting: --set key.path=value, such as --set training.batch_size=64 "
        "(the keys stand in ddpm/config.py and in the run's config.json).",
    )
    parser.add_argument(
        "target", metavar="PRESET|FOLDER|ZIP", help="a preset, or images of your own"
    )
    parser.add_argument("--data", metavar="PATH|NAME", help="images for a preset (ddpm data list)")
    parser.add_argument("--out", metavar="DIR", help="run folder (default: runs/NAME)")
    total = parser.add_mutually_exclusive_group()
    total.add_argument("--minutes", type=_positive, help="train for about this long in all")
    total.add_argument("--epochs", type=_positive, help="passes over the images in all")
    total.add_argument("--steps", type=_count, help="optimizer steps in all")
    parser.add_argument("--init", metavar="RUN|FILE", help="start from trained weights")
    parser.add_argument(
        "--all-images", action="store_true", help="hold nothing out, keep exact duplicates"
    )
    _device(parser)
    _set(parser)
    parser.set_defaults(command=commands.train)


def _sample(add: Add) -> None:
    parser = add("sample", help="draw images from a run or from bundled weights")
    parser.add_argument(
        "target", metavar="RUN|BUNDLED", help="a run folder, its name, or bundled weights"
    )
    parser.add_argument(
        "-n", type=_count, default=25, help="how many images (default: %(default)s)"
    )
    _sampling(parser)
    parser.add_argument(
        "--grid", type=_grid, metavar="RxC", help="rows x columns of the picture, such as 5x5"
    )
    parser.add_argument("--gif", action="store_true", help="also the reverse process as a GIF")
    parser.add_argument(
        "--panel", action="store_true", help="also x_t above its predicted x0, over time"
    )
    parser.add_argument("--png-dir", metavar="DIR", help="each image as DIR/SEED.png")
    parser.add_argument(
        "--out", metavar="FILE", help="a .png or .jpg grid, a .gif, or an .npz array"
    )
    parser.set_defaults(command=commands.sample)


def _forward(add: Add) -> None:
    parser = add("forward", help="draw the forward process: an image turning into noise")
    parser.add_argument("target", metavar="IMAGE|DATA", help="an image file or a set of images")
    parser.add_argument(
        "--schedule", choices=SCHEDULES, default="linear", help="default: %(default)s"
    )
    parser.add_argument("--seed", type=_natural, default=0, help="of the noise (default: 0)")
    parser.add_argument("--out", metavar="FILE", default="forward.png", help="default: %(default)s")
    parser.set_defaults(command=commands.forward)


def _edit(add: Add) -> None:
    interpolate = add("interpolate", help="walk from one drawn image to another")
    interpolate.add_argument("target", metavar="RUN|BUNDLED")
    interpolate.add_argument(
        "--pairs", type=_count, default=4, help="rows of the picture (default: 4)"
    )
    interpolate.add_argument(
        "--between", type=_count, default=7, help="images between (default: 7)"
    )
    inpaint = add("inpaint", help="redraw the masked part of an image")
    inpaint.add_argument("target", metavar="RUN|BUNDLED")
    inpaint.add_argument("image", metavar="IMAGE")
    inpaint.add_argument("mask", metavar="MASK", help="white where the image is to be redrawn")
    inpaint.add_argument("-n", type=_count, default=4, help="how many answers (default: 4)")
    refine = add("refine", help="redraw an image or a sketch from a given moment of the noise")
    refine.add_argument("target", metavar="RUN|BUNDLED")
    refine.add_argument("image", metavar="IMAGE")
    refine.add_argument(
        "--strength",
        type=_share,
        default=0.5,
        help="0 keeps the image, 1 forgets it (default: 0.5)",
    )
    refine.add_argument("-n", type=_count, default=4, help="how many answers (default: 4)")
    for parser, command in (
        (interpolate, commands.interpolate),
        (inpaint, commands.inpaint),
        (refine, commands.refine),
    ):
        _sampling(parser)
        parser.add_argument("--out", metavar="FILE", help="the picture (default: beside the run)")
        parser.set_defaults(command=command)


def _data(add: Add) -> None:
    verbs = add("data", help="list, prepare and inspect sets of images").add_subparsers(
        title="commands", metavar="COMMAND", required=True
    )
    listing = verbs.add_parser("list", help="the data sets known by name")
    listing.set_defaults(command=commands.data_list)
    prepare = verbs.add_parser("prepare", help="decode a set once, into the cache")
    prepare.add_argument("target", metavar="PATH|NAME")
    prepare.add_argument("--size", default="auto", help="a number, HxW or auto (default)")
    prepare.add_argument("--channels", choices=("1", "3", "auto"), default="auto")
    prepare.add_argument(
        "--all-images", action="store_true", help="hold nothing out, keep duplicates"
    )
    prepare.set_defaults(command=commands.data_prepare)
    inspect = verbs.add_parser("inspect", help="count and measure a set; writes a contact sheet")
    inspect.add_argument("target", metavar="PATH|NAME")
    inspect.add_argument(
        "--out", metavar="FILE", default="contact-sheet.png", help="default: %(default)s"
    )
    inspect.set_defaults(command=commands.data_inspect)


def _export(add: Add) -> None:
    parser = add("export", help="write the weights for other programs")
    parser.add_argument("target", metavar="RUN|BUNDLED")
    parser.add_argument("--to", choices=("torch", "safetensors"), default="torch")
    parser.add_argument("--out", metavar="FILE", help="default: NAME.pt or NAME.safetensors")
    parser.add_argument(
        "--raw", action="store_true", help="the raw weights instead of their average"
    )
    parser.add_argument("--half", action="store_true", help="in half precision")
    parser.set_defaults(command=commands.export)


def _runs(add: Add) -> None:
    parser = add("runs", help="list the runs in a folder")
    parser.add_argument("folder", nargs="?", default="runs", help="default: %(default)s")
    parser.set_defaults(command=commands.runs)


def _sampling(parser: argparse.ArgumentParser) -> None:
    """Options of every command that draws."""
    parser.add_argument(
        "--sampler", choices=SAMPLERS, help="default: the run's own few-step choice"
    )
    parser.add_argument("--steps", type=_count, help="sampling steps")
    parser.add_argument("--seed", type=_natural, default=0, help="of the first image (default: 0)")
    parser.add_argument("--label", help="class to draw, for models that learned labels")
    parser.add_argument(
        "--guidance", type=_positive, metavar="SCALE", help="towards the label; 1 is none"
    )
    _device(parser)
    _set(parser)


def _device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps (default: auto)")


def _set(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="any configuration key"
    )


def _number(text: str, low: float, high: float, words: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise argparse.ArgumentTypeError(f"{text!r} should be {words}")
    return value


def _positive(text: str) -> float:
    return _number(text, 1e-9, 1e9, "a number above 0")


def _share(text: str) -> float:
    return _number(text, 0, 1, "a number from 0 to 1")


def _whole(text: str, low: int, words: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = low - 1
    if not low <= value < 2**63:
        raise argparse.ArgumentTypeError(f"{text!r} should be {words}")
    return value


def _count(text: str) -> int:
    return _whole(text, 1, "a whole number of at least 1")


def _natural(text: str) -> int:
    return _whole(text, 0, "a whole number of at least 0")


def _grid(text: str) -> tuple[int, int]:
    rows, _, columns = text.lower().partition("x")
    try:
        return _count(rows), _count(columns)
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} should be rows x columns, such as 5x5"
        ) from error
