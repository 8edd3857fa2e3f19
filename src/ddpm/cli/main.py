"""Entry point: runs a command and turns an error into one sentence and an exit status."""

from __future__ import annotations

import errno
import io
import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from contextlib import nullcontext, redirect_stderr, redirect_stdout

from ddpm.cli.parser import build_parser
from ddpm.commands import COMMANDS
from ddpm.distributed import is_launched_as_main, is_multi_process, process_group, reports_failure
from ddpm.errors import RequestError, WorkError, is_out_of_memory
from ddpm.terminal import escape, print_line

# First words of a message that are capitalized; any other first word may be a file name.
CAPITALIZED_WORDS = ("a", "an", "no", "nobody", "none", "the", "there", "this")
OUT_OF_MEMORY = (
    "Out of memory. Use a smaller sampling.chunk to sample, a smaller training.batch_size to train, or "
    "smaller images or networks."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    0: done. 1: the work failed. 2: the request was wrong. 130, 143: stopped. Under torchrun only the main
    process prints.
    """
    try:
        prints = is_launched_as_main()
    except RequestError as error:  # RANK or WORLD_SIZE is not a number
        print_line(f"ddpm: {error}")
        return 2
    if prints:
        return _main(arguments)
    with open(os.devnull, "w", encoding="utf-8") as null, redirect_stdout(null):
        return _main(arguments)


def _main(arguments: Sequence[str] | None) -> int:
    for stream in (sys.stdout, sys.stderr):  # escape characters that the console cannot encode
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    words = sys.argv[1:] if arguments is None else arguments
    verbs = [word for word in words if not word.startswith("-")][:1]
    if verbs and verbs[0] not in COMMANDS:
        from ddpm.config import unknown_name_error

        return _fail(unknown_name_error("command", verbs[0], COMMANDS), 2)
    parser = build_parser(verbs)
    with nullcontext() if is_launched_as_main() else redirect_stderr(sys.stdout):
        options = parser.parse_args(words)
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
        return _fail(_os_error_sentence(error), 2 if error.errno == errno.ENAMETOOLONG else 1)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        return _fail(OUT_OF_MEMORY, 1)
    except KeyboardInterrupt:
        return _fail("Stopped. Nothing is damaged; run the same command again.", 130)
    return status or 0


def _run(options: Namespace) -> int | None:
    """Run the command. RequestError if torchrun started several processes for a single-process command."""
    if is_multi_process() and not getattr(options, "multi_process", False):
        raise RequestError("This command uses one process; run it without torchrun.")
    with process_group():
        status: int | None = options.command(options)
    return status


def _fail(error: object, status: int) -> int:
    if not reports_failure():
        return status
    text = " ".join(str(error).split()) or type(error).__name__
    if text.split(" ", 1)[0] in CAPITALIZED_WORDS:
        text = text[0].upper() + text[1:]
    sentence = text + ("" if text.endswith((".", "?", "!")) else ".")
    print(f"ddpm: {escape(sentence)}", file=sys.stderr)
    return status


def _os_error_sentence(error: OSError) -> str:
    """Return a sentence with the file, the system's message and advice."""
    if isinstance(error, BrokenPipeError):
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - lives until exit
        return "the program that reads the output has stopped"
    if error.errno == errno.ENAMETOOLONG:
        return f"{str(error.filename)[:60]}… is too long for a file name; use a shorter one"
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}; check free space and permissions, then try again"
