"""Command lines of `ddpm data list`, `prepare`, `inspect` and `augment`."""

from __future__ import annotations

import argparse
from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path

from ddpm.commands.options import Option, add_options, count, named_values, switch
from ddpm.commands.shared_options import SET
from ddpm.terminal import print_result

TARGET = Option("target", metavar="PATH|NAME", help="images, or a data set known by name")

RANGE = Option(
    "value_range",
    "--range",
    default="full",
    metavar="RANGE",
    help="pixel values to stretch: LOW:HIGH, auto (the set's own) or full (none, the default)",
)

DATA_LIST_OPTIONS: tuple[Option, ...] = ()
DATA_PREPARE_OPTIONS = (
    TARGET,
    Option("size", "--size", default="auto", help="a number, HxW or auto (default)"),
    Option(
        "channels",
        "--channels",
        default="auto",
        choices=("1", "3", "auto"),
        help="color channels (default: %(default)s)",
    ),
    RANGE,
    switch("all_images", "--all-images", "hold nothing out and keep duplicates"),
)
DATA_INSPECT_OPTIONS = (
    TARGET,
    Option(
        "out",
        "--out",
        Path,
        Path("contact-sheet.png"),
        metavar="FILE",
        help="file of the contact sheet (default: %(default)s)",
    ),
    RANGE,
    Option(
        "clusters",
        "--clusters",
        count,
        metavar="K",
        help="show K clusters of similar images, the classes of data.labels=kmeans:K",
    ),
)
DATA_AUGMENT_OPTIONS = (
    Option(
        "target", metavar="PRESET|PATH|NAME", help="a preset, images, or a data set known by name"
    ),
    Option(
        "out",
        "--out",
        Path,
        Path("augmentation.png"),
        metavar="FILE",
        help="file of the picture (default: %(default)s)",
    ),
    SET,
)


def define_data(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def define(
        verb: str, help: str, options: Sequence[Option], command: Callable[[Namespace], None]
    ) -> None:
        subparser = verbs.add_parser(verb, help=help)
        add_options(subparser, options)
        subparser.set_defaults(command=command)

    define("list", "list the data sets known by name", DATA_LIST_OPTIONS, run_list)
    define("prepare", "decode a data set once, into the cache", DATA_PREPARE_OPTIONS, run_prepare)
    define(
        "inspect",
        "count and measure images; write a contact sheet",
        DATA_INSPECT_OPTIONS,
        run_inspect,
    )
    define("augment", "draw images beside their augmented views", DATA_AUGMENT_OPTIONS, run_augment)


def run_list(options: Namespace) -> None:
    from ddpm.commands.data.dataset_summaries import list_datasets

    print_result(list_datasets())


def run_prepare(options: Namespace) -> None:
    from ddpm.commands.data.dataset_summaries import prepare_dataset

    print_result(prepare_dataset(**named_values(DATA_PREPARE_OPTIONS, options)))


def run_inspect(options: Namespace) -> None:
    from ddpm.commands.data.dataset_summaries import inspect_clusters, inspect_dataset

    if options.clusters:
        target, k, out = options.target, options.clusters, options.out
        print_result(inspect_clusters(target, k, out, options.value_range))
    else:
        print_result(inspect_dataset(options.target, options.out, options.value_range))


def run_augment(options: Namespace) -> None:
    from ddpm.commands.data.augment import augmentation_sheet

    print_result("\n".join(augmentation_sheet(**named_values(DATA_AUGMENT_OPTIONS, options))))
