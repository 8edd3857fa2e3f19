"""Seconds from the start of a command to its result, in fresh processes.

python -m benchmarks.startup                # measures, writes JSON, prints the table
python -m benchmarks.startup --markdown     # prints the table of the last measurement
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import machine
from benchmarks.machine import Result, say
from benchmarks.results import RESULTS, markdown, read, write

COMMANDS = {  # what is typed: the words of the process
    "python -c pass": [sys.executable, "-c", "pass"],
    "python -c 'import torch'": [sys.executable, "-c", "import torch"],
    "ddpm --help": [sys.executable, "-m", "ddpm", "--help"],
    "ddpm runs": [sys.executable, "-m", "ddpm", "runs"],
    "ddpm sample mnist -n 25": [sys.executable, "-m", "ddpm", "sample", "mnist", "-n", "25"],
}
HEADER = ("command", "median, s", "least, s", "most, s")


def measure(words: list[str], times: int) -> list[float]:
    """Return the wall times of `times` processes in an empty folder, after one that warms the disk cache."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(times + 1):
            began = time.perf_counter()
            done = subprocess.run(words, cwd=folder, capture_output=True, text=True)
            found.append(time.perf_counter() - began)
            if done.returncode:
                raise SystemExit(f"{' '.join(words)} failed:\n{done.stderr}")
    return found[1:]


def table(result: Result) -> str:
    """Return the table, a line for each command."""
    rows = [
        [f"`{name}`", f"**{statistics.median(t):.2f}**", f"{min(t):.2f}", f"{max(t):.2f}"]
        for name, t in result["seconds"].items()
    ]
    note = f"{result['times']} fresh processes each, warm disk."
    return "\n".join([markdown(HEADER, rows), "", note, machine.line(result["machine"])])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--times", type=int, default=9, help="default: %(default)s")
    parser.add_argument("--json", type=Path, default=RESULTS / "startup.json")
    parser.add_argument("--markdown", action="store_true", help="print the table of --json only")
    options = parser.parse_args()
    if not options.markdown:
        result: Result = {"machine": machine.describe(usable_cores()), "times": options.times}
        result["seconds"] = {}
        for name, words in COMMANDS.items():
            result["seconds"][name] = measure(words, options.times)
            say(f"{name}: {statistics.median(result['seconds'][name]):.2f} s")
        write(options.json, result)
    print(table(read(options.json)))


def usable_cores() -> int:
    """Return the default number of torch's threads, without importing torch here."""
    told = os.environ.get("OMP_NUM_THREADS", "")
    if told.isdigit():
        return int(told)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


if __name__ == "__main__":
    main()
