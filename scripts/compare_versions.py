"""Run the same commands with two versions of the package and compare exit codes, files, pixels and numbers.

    python scripts/compare_versions.py OLD/src NEW/src

Each version runs all commands in one process, in an empty folder, with the bundled digits and fixed
seeds. The old version runs twice: what differs between its two runs (clock readings, random keys) is
not compared. A row of the table is one command:

- `exit`: the exit codes are equal.
- `files`: the command wrote files with equal names.
- `bytes`: images, weights and arrays are equal byte by byte. Of JSON files the keys and the numbers are
  compared (keys may be added, and a sentence may have become a code), of Markdown and CSV files the
  numbers, of zips the names.
- `output`: the numbers and option names in the printed text are equal. Of help pages the option names
  are compared, of refusals (exit code 2) nothing, of the sampler lab, which prints seconds, its JSON
  file.
- `words`: the text and the figures with lettering are equal too. A difference here alone is wording.

The exit status is 1 where the versions differ in more than wording. Run it again if the one number that
differs is a clock reading: the two runs of the old version may have met by chance.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

SMALL = (
    "--set network.channels=8 --set network.attention=[] --set training.batch_size=32 --set sampling.steps=3"
    " --set training.precision=fp32 --set training.memorization_every=0 --device cpu"
)
VERBS = """
    demo train distill sample forward interpolate inpaint refine bundle evaluate compare sampler-lab ema
    report data plan doctor export runs
"""
COMMANDS = (
    "--help",
    "--version",
    *(f"{verb} --help" for verb in VERBS.split()),
    *(f"data {verb} --help" for verb in ("list", "prepare", "inspect", "augment")),
    f"train digits --steps 4 --out runs/a --set training.posthoc_ema=4 {SMALL}",
    f"train digits --steps 4 --out runs/a --set training.posthoc_ema=4 {SMALL}",
    f"train digits --steps 6 --out runs/a --set training.posthoc_ema=4 {SMALL}",
    "train dcgan-folder --data digits --set data.labels=false --steps 3 --out runs/gan --set gan.channels=8 "
    "--set training.batch_size=16 --device cpu --set data.size=8",
    f"train digits --steps 4 --out runs/edm --set diffusion.objective=edm --set data.flip=true {SMALL}",
    "sample runs/a -n 4 --grid 2x2 --label 3 --gif",
    "sample runs/a -n 3 --sampler ancestral --steps 5 --out a.npz",
    "sample bundled:digits -n 3 --png-dir pngs --panel --guidance 2",
    "sample runs/gan -n 4 --out gan.png",
    "sample bundled:digits -n 64 --out drawn.npz",
    "forward digits --out forward.png",
    "interpolate bundled:digits --pairs 1 --between 2 --out between.png",
    "inpaint bundled:digits pngs/0.png mask.png -n 2 --out inpainted.png",
    "refine bundled:digits pngs/0.png -n 2 --strength 0.5 --out refined.png",
    "evaluate runs/a -n 40 --json a.json --likelihood 4",
    "evaluate drawn.npz --reference digits -n 64 --features digits --json drawn.json",
    "compare runs/a runs/gan -n 40 --reference digits --out comparison --likelihood 2",
    "compare runs/a runs/gan -n 4 --blind --reference digits --out blind",
    "sampler-lab runs/a -n 40 --samplers ddim,heun --evaluations 2,4 --json lab.json",
    "ema runs/a --sigma-rel 0.1,0.2 -n 40",
    "report runs/a runs/gan --comparison comparison --out report.md --title Digits",
    "report runs/a --out chinese.md --lang zh-TW",
    "bundle --student-id 0712345 --mnist runs/a --anime runs/edm --out handin",
    "bundle --check broken.zip",
    "data list",
    "data inspect pngs",
    "data prepare pngs --size 8 --channels 1",
    "data augment digits --out augmented.jpg --set data.augment=0.5",
    "distill runs/a --evaluations 2 --steps 2 --out runs/student --device cpu --set training.batch_size=16",
    "sample runs/student -n 4 --out student.png",
    "export runs/a --out a.safetensors --half",
    "export runs/a --to torch --out a.pt --raw",
    "doctor runs/a",
    "doctor digits --set training.learning_rate=10",
    "runs",
    "runs nowhere",
    "train nosuch",
    "train digits --set network.chanels=8",
    "train digits --set training.batch_size=none",
    "train digits --steps 4 --out runs/a --set network.channels=16",
    "sample nosuch",
    "sample runs/a --label 77",
    "sample runs/gan --steps 3",
    "sample runs/a --sampler eulr",
    "evaluate runs/a -n 0",
    "compare runs/a",
    "inpaint runs/a missing.png mask.png",
    "report runs/none",
    "export runs/a --to onyx",
    "frobnicate",
)
LETTERED = re.compile(
    r"(loss|lab|schedule|metrics|cost|spectra|grids|neighbors|ema[\w-]*|forward|between|denoising|panel|inpainted|refined"
    r"|augmented|contact)[\w-]*\.(png|jpg|gif)$"
)
TEXT = {".md", ".csv", ".txt", ".html", ".typ"}
NUMBER = re.compile(r"(?<![\w.])-?\d+(?:[.,]\d+)*(?:e-?\d+)?(?!\w)|--[a-z][\w-]*")
RANDOM = {"form.csv", "pairs.csv"}  # hold codes that are drawn anew in each run
CLOCK = "second"  # in the keys of clock readings
SENTENCE = "sentence"


def numbers(text: str) -> list[str]:
    """Return the numbers and option names in a text, in order."""
    return NUMBER.findall(text)


def printed(command: str, row: dict[str, Any]) -> list[str]:
    """Return what is compared of the output of a command."""
    if row["exit"] == 2 or command.startswith("sampler-lab"):
        return []
    found = numbers(row["out"])
    is_help = command.endswith("--help")
    return sorted({word for word in found if word.startswith("--")}) if is_help else found


def leaves(value: Any, key: str = "") -> list[str]:
    """Return the keys and numbers of a JSON value; of strings and clock readings the keys alone."""
    if isinstance(value, dict):
        items = ((k, v) for k, v in sorted(value.items()) if k != "format")
        return [leaf for k, v in items for leaf in leaves(v, f"{key}.{k}")]
    if isinstance(value, list):
        return [leaf for i, v in enumerate(value) for leaf in leaves(v, f"{key}[{i}]")]
    if isinstance(value, str):
        return [f"{key} {SENTENCE}" if " " in value or not value else key]
    return [key if CLOCK in key else f"{key}={value}"]


def comparable(old: Any, new: Any) -> Any:
    """Drop from the leaves of a JSON file those at keys that `old` lacks, or at which it has a sentence."""
    if not isinstance(old, list) or not any(leaf.startswith((".", "[")) for leaf in old):
        return new
    sentences = {leaf.split(" ")[0] for leaf in old if leaf.endswith(SENTENCE)}
    keys = {leaf.split("=")[0] for leaf in old} - sentences
    return [leaf for leaf in new if leaf.split("=")[0] in keys and not leaf.endswith(SENTENCE)]


def same(old: Any, again: Any, new: Any) -> bool:
    """Whether `new` equals `old` in all in which two runs of the old version, `old` and `again`, agree."""
    if old == again or isinstance(old, str):
        return bool(old == new or old != again)
    stable = Counter(old) & Counter(again)
    if len(old) != len(new) or stable - Counter(new):
        aligned = len(old) == len(again) == len(new)
        return aligned and all(a != b or a == c for a, b, c in zip(old, again, new, strict=True))
    return True


def content(path: Path) -> Any:
    """Return what two versions have to agree on in the file `path`."""
    if path.suffix in (".json", ".jsonl"):
        rows = (
            path.read_text("utf-8").splitlines()
            if path.suffix == ".jsonl"
            else [path.read_text("utf-8")]
        )
        return [leaf for row in rows for leaf in leaves(json.loads(row))]
    if path.name in RANDOM:
        return ""
    if path.suffix in TEXT:
        return numbers(path.read_text("utf-8"))
    data = path.read_bytes()
    if path.suffix == ".safetensors":  # the header holds the configuration as JSON
        data = data[8 + int.from_bytes(data[:8], "little") :]
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            return sorted(archive.namelist())
    return hashlib.sha256(data).hexdigest()


def run_all() -> list[dict[str, Any]]:
    """Run every command in the current folder; return exit code, output and written files of each."""
    import numpy as np
    from PIL import Image

    from ddpm.cli import main

    Image.fromarray(np.eye(8, dtype=np.uint8) * 255).save("mask.png")
    Path("broken.zip").write_bytes(b"PK")
    rows, known = [], files()
    for command in COMMANDS:
        out, error = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
            try:
                status: Any = main(command.split())
            except SystemExit as end:
                status = end.code
            except Exception as fault:
                status = repr(fault)
        now = files()
        written = {name: content(Path(name)) for name in now if now[name] != known.get(name)}
        rows.append({"exit": status, "out": out.getvalue() + error.getvalue(), "files": written})
        known = now
    return rows


def files() -> dict[str, tuple[int, int]]:
    """Files below the current folder with size and time of change; caches left out."""
    found = (
        p
        for p in Path().rglob("*")
        if p.is_file() and p.parts[0] != "cache" and p.suffix != ".lock"
    )
    return {p.as_posix(): (p.stat().st_size, p.stat().st_mtime_ns) for p in found}


def collected(source: Path) -> list[dict[str, Any]]:
    """`run_all` in a process with the package of `source`."""
    with tempfile.TemporaryDirectory() as folder:
        paths = {
            "PYTHONPATH": str(source.resolve()),
            "DDPM_CACHE_DIR": f"{folder}/cache",
            "COLUMNS": "80",
        }
        environment = {**os.environ, **paths, "OMP_NUM_THREADS": "1"}
        environment.pop("DDPM_DATA_DIR", None)
        command = [sys.executable, str(Path(__file__).resolve()), "--collect"]
        done = subprocess.run(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=True
        )
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows


def compared(
    command: str, old: dict[str, Any], again: dict[str, Any], new: dict[str, Any]
) -> tuple[dict[str, bool], list[str]]:
    """Return the columns of one command and a line for each difference."""
    before, repeated, after = (
        {n: comparable(old["files"].get(n), c) for n, c in version["files"].items()}
        for version in (old, again, new)
    )
    alone = sorted(before.keys() ^ after.keys())
    differing = [
        name
        for name in sorted(before.keys() & after.keys())
        if not same(before[name], repeated.get(name), after[name])
    ]
    figures = [name for name in differing if LETTERED.search(name)]
    differing = [name for name in differing if name not in figures]
    words = [printed(command, version) for version in (old, again, new)]
    columns = {
        "exit": old["exit"] == new["exit"],
        "files": not alone,
        "bytes": not differing,
        "output": same(*words),
        "words": not figures and (old["out"] == new["out"] or old["out"] != again["out"]),
    }
    details = [f"written by one version only: {alone}"] * bool(alone)
    details += [
        f"{name}: {changes(before[name], repeated.get(name), after[name])}" for name in differing
    ]
    if not columns["exit"]:
        details.append(f"exit {old['exit']} / {new['exit']}: {new['out'][-300:]}")
    if not columns["output"]:
        details.append(f"output: {changes(*words)}")
    return columns, details


def changes(old: Any, again: Any, new: Any) -> str:
    """Describe what the new version lacks, or has in another number."""
    if isinstance(old, str):
        return "other bytes"
    lost, added = Counter(old) & Counter(again) - Counter(new), Counter(new) - Counter(old)
    return (
        f"{len(old)} / {len(new)} values, lost {list(lost)[:8]}, not in the old {list(added)[:8]}"
    )


def main() -> int:
    """Print the table and the details; return 1 if more than wording differs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "sources", type=Path, nargs="*", help="the two folders that hold the package ddpm"
    )
    parser.add_argument("--collect", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.collect:
        print(json.dumps(run_all()))
        return 0
    if len(options.sources) != 2:
        parser.error("give two folders: OLD/src NEW/src")
    old, new = options.sources
    runs = [collected(source) for source in (old, old, new)]
    results = [compared(*rows) for rows in zip(COMMANDS, *runs, strict=True)]
    names = ("exit", "files", "bytes", "output", "words")
    print("".join(f"{name:>8}" for name in names), " command")
    for command, (columns, details) in zip(COMMANDS, results, strict=True):
        print(
            "".join(f"{'=' if columns[name] else 'DIFFERS':>8}" for name in names),
            f" ddpm {command[:70]}",
        )
        print(*(f"{'':>9}{detail}" for detail in details), sep="\n", end="\n" * bool(details))
    different = sum(not all(columns[name] for name in names[:4]) for columns, _ in results)
    wording = sum(all(c[n] for n in names[:4]) and not c["words"] for c, _ in results)
    print(f"{len(COMMANDS)} commands: {different} differ, {wording} in wording alone")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
