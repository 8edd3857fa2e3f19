"""Command line of `ddpm studio`."""

from __future__ import annotations

import argparse
import re
from argparse import Namespace
from importlib.util import find_spec
from pathlib import Path

from ddpm.commands.options import Option, add_options, make_request, switch
from ddpm.errors import RequestError
from ddpm.runs import RUNS_FOLDER
from ddpm.studio.studio_request import DEFAULT_PORT

NEEDED = ("fastapi", "uvicorn")  # packages of the extra `studio`
_TOKEN = re.compile(r"[A-Za-z0-9._~-]{16,200}")  # characters that need no quoting in an address


def port_number(text: str) -> int:
    """Read the number of a port, 0 to 65535."""
    if not text.isdecimal() or int(text[:6]) > 65535:
        raise argparse.ArgumentTypeError(
            f"{text!r} should be a port from 0 (any free one) to 65535"
        )
    return int(text)


def token_text(text: str) -> str:
    """Read a token that nobody guesses and every address can hold."""
    if not _TOKEN.fullmatch(text):
        raise argparse.ArgumentTypeError(
            "a token should be 16 to 200 letters, digits, dots, dashes, underscores or tildes"
        )
    return text


STUDIO_OPTIONS = (
    Option(
        "runs",
        kind=Path,
        default=RUNS_FOLDER,
        nargs="?",
        metavar="RUNS_DIR",
        help="folder that holds the runs (default: %(default)s)",
    ),
    Option(
        "host",
        "--host",
        default="127.0.0.1",
        help="address to listen at (default: %(default)s); others can reach any but the default, so it "
        "needs --token",
    ),
    Option(
        "port",
        "--port",
        port_number,
        DEFAULT_PORT,
        help="port to listen at; 0: any free one (default: %(default)s)",
    ),
    switch("no_browser", "--no-browser", "print the address, and open no browser"),
    Option(
        "token",
        "--token",
        token_text,
        help="secret that the address carries (default: a new random one)",
        printed=False,
    ),
    Option(
        "allow",
        "--allow",
        Path,
        repeated=True,
        metavar="FOLDER",
        help="folder whose images the page may offer for training; may be given several times",
    ),
)


def define_studio(parser: argparse.ArgumentParser) -> None:
    add_options(parser, STUDIO_OPTIONS)
    parser.set_defaults(command=run_studio)


def run_studio(options: Namespace) -> None:
    if any(find_spec(package) is None for package in NEEDED):
        raise RequestError(
            "The studio needs the packages fastapi and uvicorn. Run pip install 'ddpm-studio[studio]'."
        )
    from ddpm.studio.serving import serve
    from ddpm.studio.studio_request import StudioRequest

    serve(make_request(StudioRequest, STUDIO_OPTIONS, options))
