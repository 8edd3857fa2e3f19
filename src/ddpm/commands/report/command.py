"""`ddpm report`: what can be typed, and the workflow it calls."""

from __future__ import annotations

import argparse
from argparse import Namespace
from pathlib import Path

from ddpm.commands.arguments import add_device, optional_path

LANGUAGES = ("en", "zh-TW")


def define_report(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        "The PDF needs pip install 'ddpm-studio[report]'; --out report.md does without it."
    )
    parser.add_argument("runs", nargs="+", metavar="RUN", help="run folders, or names below runs/")
    parser.add_argument(
        "--comparison", action="append", default=[], metavar="DIR",
        help="a folder that ddpm compare wrote; may be given several times",
    )  # fmt: skip
    parser.add_argument(
        "--out", metavar="FILE", default="report.pdf",
        help="a .pdf, or a .md for Markdown alone (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--notes", metavar="FILE",
        help="your own passages in Markdown; a template is written where it is absent "
        "(default: notes.md beside the report)",
    )  # fmt: skip
    parser.add_argument(
        "--lang", choices=LANGUAGES, default="en", help="of headings and captions (default: en)"
    )
    parser.add_argument(
        "--font", metavar="FILE", help="for characters that the report's own fonts lack"
    )
    parser.add_argument("--title", default="", help="default: made from the runs' names")
    parser.add_argument("--author", default="", help="stands below the title")
    parser.add_argument("--student-id", default="", metavar="ID", help="stands below the title")
    add_device(parser)
    parser.set_defaults(command=run_report)


def run_report(options: Namespace) -> None:
    from ddpm.commands.report.compose import Front
    from ddpm.commands.report.report import ReportRequest, write_report

    request = ReportRequest(
        targets=options.runs,
        comparisons=[Path(folder) for folder in options.comparison],
        out=Path(options.out),
        notes=optional_path(options.notes),
        language=options.lang,
        font=optional_path(options.font),
        front=Front(options.title, options.author, options.student_id),
        device=options.device,
    )
    for path in write_report(request):
        print(path)
