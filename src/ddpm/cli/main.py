"""Dispatch and the one place where errors become a sentence and an exit status."""

from __future__ import annotations

import errno
import io
import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from contextlib import nullcontext, redirect_stderr, redirect_stdout

from ddpm.cli.parser import build_parser
from ddpm.distributed import is_launched_as_main, is_multi_process, process_group, reports_failure
from ddpm.errors import RequestError, WorkError, is_out_of_memory

# Raised to a capital where they open a sentence; any other word there may be the name of a file.
OPENING_WORDS = ("a", "an", "no", "nobody", "none", "the", "there", "this")
OUT_OF_MEMORY = (
    "There is no memory left for this; use a smaller sampling.chunk to draw, a smaller "
    "training.batch_size to train, or smaller images or networks for both."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. 0 done, 1 the work failed, 2 the request was wrong, 130/143 stopped.

    Of several processes that were started together one prints.
    """
    if is_launched_as_main():
        return _main(arguments)
    with open(os.devnull, "w", encoding="utf-8") as nothing, redirect_stdout(nothing):
        return _main(arguments)


def _main(arguments: Sequence[str] | None) -> int:
    for stream in (sys.stdout, sys.stderr):  # names that the console's encoding lacks are escaped
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    given = sys.argv[1:] if arguments is None else arguments
    parser = build_parser([word for word in given if not word.startswith("-")][:1])
    with nullcontext() if is_launched_as_main() else redirect_stderr(sys.stdout):
        options = parser.parse_args(given)
    if not hasattr(options, "command"):
        parser.print_help()
        return 0
    try:
        status = _run(options)
    except RequestError as error:
        return _fail(error, 2)
    except WorkError as error:
        return _fail(error, 1)
    except OSError as error:
        return _fail(_disk_sentence(error), 2 if error.errno == errno.ENAMETOOLONG else 1)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        return _fail(OUT_OF_MEMORY, 1)
    except KeyboardInterrupt:
        return _fail("Stopped; give the same command again to finish it.", 130)
    return status or 0


def _run(options: Namespace) -> int | None:
    """The command itself; RequestError where several processes were started for the work of one."""
    if is_multi_process() and not getattr(options, "shared", False):
        raise RequestError("This command is the work of one process; give it without torchrun.")
    with process_group():
        status: int | None = options.command(options)
    return status


def _fail(error: object, status: int) -> int:
    if not reports_failure():
        return status
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
    if error.errno == errno.ENAMETOOLONG:
        return f"{str(error.filename)[:60]}… is too long for the name of a file; give a shorter one"
    where = f"{error.filename}: " if error.filename else ""
    return (
        f"{where}{error.strerror or error}; look at the room and the rights there, then try again"
    )
