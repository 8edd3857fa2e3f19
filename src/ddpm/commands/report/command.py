"""Command line of `ddpm report`."""

from __future__ import annotations

import argparse
from argparse import Namespace
from pathlib import Path

from ddpm.commands.options import Option, add_options, make_request
from ddpm.commands.report.words.languages import LANGUAGES
from ddpm.commands.shared_options import DEVICE
from ddpm.terminal import print_result

REPORT_OPTIONS = (
    Option("targets", metavar="RUN", nargs="+", help="run folders, or names below runs/"),
    Option(
        "comparisons",
        "--comparison",
        Path,
        repeated=True,
        metavar="DIR",
        help="a folder written by ddpm compare; may be given several times",
    ),
    Option(
        "out",
        "--out",
        Path,
        Path("report.pdf"),
        metavar="FILE",
        help="a .pdf, or a .md for Markdown alone (default: %(default)s)",
    ),
    Option(
        "notes",
        "--notes",
        Path,
        metavar="FILE",
        help="your own passages in Markdown; a template is written if the file does not exist "
        "(default: notes.md beside the report)",
    ),
    Option(
        "language",
        "--lang",
        default="en",
        choices=tuple(LANGUAGES),
        help="language of headings and captions (default: %(default)s)",
    ),
    Option(
        "font",
        "--font",
        Path,
        metavar="FILE",
        help="font for characters that the report's own fonts lack",
        text=lambda path: str(path.name),  # a report names no folder of its author
    ),
    Option("title", "--title", default="", help="title (default: made from the runs' names)"),
    Option("author", "--author", default="", help="author, printed below the title"),
    Option(
        "student_id",
        "--student-id",
        default="",
        metavar="ID",
        help="student ID, printed below the title",
    ),
    DEVICE,
)


def define_report(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        "The PDF needs pip install 'ddpm-studio[report]'; --out report.md does without it."
    )
    add_options(parser, REPORT_OPTIONS)
    parser.set_defaults(command=run_report)


def run_report(options: Namespace) -> None:
    from ddpm.commands.report.report import ReportRequest, write_report

    for path in write_report(make_request(ReportRequest, REPORT_OPTIONS, options)):
        print_result(path)
