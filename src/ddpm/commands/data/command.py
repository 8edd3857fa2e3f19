"""`ddpm data list|prepare|inspect|augment`: the images before anything is trained."""

from __future__ import annotations

import argparse
from argparse import Namespace
from pathlib import Path

from ddpm.commands.arguments import add_set, count


def define_data(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    listing = verbs.add_parser("list", help="the data sets known by name")
    listing.set_defaults(command=run_list)
    prepare = verbs.add_parser("prepare", help="decode a set once, into the cache")
    prepare.add_argument("target", metavar="PATH|NAME")
    prepare.add_argument("--size", default="auto", help="a number, HxW or auto (default)")
    prepare.add_argument("--channels", choices=("1", "3", "auto"), default="auto")
    prepare.add_argument(
        "--all-images", action="store_true", help="hold nothing out, keep duplicates"
    )
    prepare.set_defaults(command=run_prepare)
    inspect = verbs.add_parser("inspect", help="count and measure a set; writes a contact sheet")
    inspect.add_argument("target", metavar="PATH|NAME")
    inspect.add_argument(
        "--out", metavar="FILE", default="contact-sheet.png", help="default: %(default)s"
    )
    inspect.add_argument(
        "--clusters",
        type=count,
        metavar="K",
        help="show K groups of like images, which data.labels=kmeans:K learns as classes",
    )
    inspect.set_defaults(command=run_inspect)
    augment = verbs.add_parser("augment", help="draw images beside what training makes of them")
    augment.add_argument("target", metavar="PRESET|PATH|NAME")
    augment.add_argument(
        "--out", metavar="FILE", default="augmentation.png", help="default: %(default)s"
    )
    add_set(augment)
    augment.set_defaults(command=run_augment)


def run_list(options: Namespace) -> None:
    from ddpm.commands.data.inspect import list_datasets

    print(list_datasets())


def run_prepare(options: Namespace) -> None:
    from ddpm.commands.data.inspect import prepare_dataset

    print(prepare_dataset(options.target, options.size, options.channels, options.all_images))


def run_inspect(options: Namespace) -> None:
    from ddpm.commands.data.inspect import inspect_clusters, inspect_dataset

    if options.clusters:
        print(inspect_clusters(options.target, options.clusters, Path(options.out)))
    else:
        print(inspect_dataset(options.target, Path(options.out)))


def run_augment(options: Namespace) -> None:
    from ddpm.commands.data.augment import augmentation_sheet

    print("\n".join(augmentation_sheet(options.target, options.set, Path(options.out))))
