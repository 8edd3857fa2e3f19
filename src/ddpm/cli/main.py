"""Dispatch and the one place where errors become a sentence and an exit status."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence

from ddpm.cli.parser import build_parser
from ddpm.errors import RequestError, WorkError

# Raised to a capital where they open a sentence; any other word there may be the name of a file.
OPENING_WORDS = ("a", "an", "no", "nobody", "none", "the", "there", "this")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. 0 done, 1 the work failed, 2 the request was wrong, 130/143 stopped."""
    for stream in (sys.stdout, sys.stderr):  # names that the console's encoding lacks are escaped
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    parser = build_parser()
    options = parser.parse_args(arguments)
    if not hasattr(options, "command"):
        parser.print_help()
        return 0
    try:
        status: int | None = options.command(options)
    except RequestError as error:
        return _fail(error, 2)
    except (WorkError, MemoryError) as error:
        return _fail(error, 1)
    except OSError as error:
        return _fail(_disk_sentence(error), 1)
    except KeyboardInterrupt:
        return _fail("Stopped; give the same command again to finish it.", 130)
    return status or 0


def _fail(error: object, status: int) -> int:
    text = " ".join(str(error).split()) or type(error).__name__
    if text.split(" ", 1)[0] in OPENING_WORDS:
        text = text[0].upper() + text[1:]
    sentence = text + ("" if text.endswith((".", "?", "!")) else ".")
    print(f"ddpm: {sentence}", file=sys.stderr)
    return status


def _disk_sentence(error: OSError) -> str:
    """Which file, and what the system says of it."""
    if isinstance(error, BrokenPipeError):
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - lives until exit
        return "nobody read the output to its end"
    where = f"{error.filename}: " if error.filename else ""
    return (
        f"{where}{error.strerror or error}; look at the room and the rights there, then try again"
    )
