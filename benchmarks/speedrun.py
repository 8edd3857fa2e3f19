"""Speedrun: train within a budget of minutes, draw, score, and print the row of the record.

    python -m benchmarks.speedrun --record mnist-10min               # three seeds, n=10,000
    python -m benchmarks.speedrun --record faces-100min --data DIR   # n=2,000
    python -m benchmarks.speedrun --record mnist-10min --set network.channels=48   # a trial of your own
    python -m benchmarks.speedrun --record mnist-10min --program lucidrains        # another program
    python -m benchmarks.speedrun --record mnist-10min --markdown    # the table of what is there

The rules are in docs/speedrun.md. Every seed writes its own folder and is not repeated. An interrupted seed
starts again, since its time would be wrong. Nothing else may run: the load before each seed is recorded.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from statistics import mean
from typing import Any

import torch

from benchmarks import machine
from benchmarks.machine import Result, say
from benchmarks.process import Worker
from benchmarks.results import RESULTS, markdown, read, write
from benchmarks.scoring import export_images
from benchmarks.sides import SIDES, Setup
from ddpm.runs import RunFolder, read_metrics

SEEDS = "0,1,2"
ROW = "row.json"  # of a finished seed
DRAW_SEED = 0  # images are those of seeds 0 to n-1, never selected


@dataclass(frozen=True)
class Record:
    """A record to beat: the data, the minutes of training, and the number of scored images."""

    preset: str
    data: str
    minutes: float
    n: int
    metrics: tuple[str, ...]  # rows of `ddpm evaluate` in the table; the first one ranks


RECORDS = {
    "mnist-10min": Record("mnist", "mnist", 10, 10_000, ("fd", "confident", "copies-pixels")),
    "faces-100min": Record(
        "anime", "anime", 100, 2_000, ("fd", "copies-pixels", "copies-features")
    ),
    "faces-gpu-5min": Record(
        "anime", "anime", 5, 2_000, ("fd", "copies-pixels", "copies-features")
    ),
}


@dataclass(frozen=True)
class Attempt:
    """One attempt at a record: a program, its settings, and the folder of its seeds."""

    name: str
    record: Record
    out: Path
    settings: tuple[str, ...] = ()  # key=value of `ddpm train --set`
    program: str = "ours"  # or a peer of `benchmarks/sides`
    steps: int = 20  # solver steps of a peer

    def folder(self, seed: int) -> Path:
        """Return the folder of a seed."""
        return (self.out / self.program / f"seed{seed}").resolve()


def run_seed(attempt: Attempt, seed: int) -> Result:
    """Train, draw and score one seed, unless that is done; return its row."""
    folder = attempt.folder(seed)
    if (folder / ROW).is_file():
        return read(folder / ROW)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    before = machine.describe(torch.get_num_threads())
    train = _train_ours if attempt.program == "ours" else _train_peer
    trained = train(attempt, seed, folder)
    scores = _score(attempt, folder)
    row = {
        "record": attempt.name, "program": attempt.program, "date": date.today().isoformat(),
        "data": attempt.record.data, "minutes": attempt.record.minutes, "n": attempt.record.n,
        "seed": seed, "settings": list(attempt.settings), **trained, "scores": scores, "machine": before,
    }  # fmt: skip
    write(folder / ROW, row)
    first = scores[attempt.record.metrics[0]]
    say(
        f"{attempt.name}, {attempt.program}, seed {seed}: {first['value']:.2f}, floor {first['floor']:.2f}"
    )
    return row


def _train_ours(attempt: Attempt, seed: int, folder: Path) -> Result:
    record, run = attempt.record, folder / "run"
    settings = [f"training.seed={seed}", *attempt.settings]
    words = [word for setting in settings for word in ("--set", setting)]
    began = time.perf_counter()
    _ddpm("train", record.preset, "--data", record.data, "--out", str(run),
          "--minutes", str(record.minutes), *words)  # fmt: skip
    wall = time.perf_counter() - began
    images = str(folder / "images.npz")
    _ddpm("sample", str(run), "-n", str(record.n), "--seed", str(DRAW_SEED), "--out", images)
    rows = [row for row in read_metrics(RunFolder(run).metrics) if "batch" in row]
    last, seen = rows[-1], sum(row["batch"] for row in rows)
    return {"wall": wall, "steps": last["step"], "images_per_second": seen / last["seconds"]}


def _train_peer(attempt: Attempt, seed: int, folder: Path) -> Result:
    """Train a peer for the record's minutes of training alone, then draw with its own sampler."""
    record, images = attempt.record, attempt.out / "images.npy"
    if not images.is_file():
        export_images(record.data, images)
    threads = torch.get_num_threads()
    setup = Setup(attempt.program, images=str(images.resolve()), threads=threads, seed=seed)
    with Worker(setup) as worker:
        worker.ask("warm")
        found = worker.ask("train", seconds=60 * record.minutes)
        worker.ask("draw", n=record.n, steps=attempt.steps, file=str(folder / "images.npz"))
    rate = setup.batch * found["steps"] / found["seconds"]
    return {"wall": found["seconds"], "steps": found["steps"], "images_per_second": rate}


def _score(attempt: Attempt, folder: Path) -> dict[str, Result]:
    """Return value, interval and floor of the record's metrics, as `ddpm evaluate` measures them."""
    record, file = attempt.record, folder / "evaluation.json"
    _ddpm("evaluate", str(folder / "images.npz"), "--reference", record.data, "-n", str(record.n),
          "--likelihood", "0", "--json", str(file))  # fmt: skip
    rows = {row["metric"]: row for row in json.loads(file.read_text("utf-8"))["rows"]}
    kept = ("value", "low", "high", "floor", "ratio", "n", "label")
    return {
        name: {key: rows[name].get(key) for key in kept} for name in record.metrics if name in rows
    }


def _ddpm(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "ddpm", *words], check=True)


def table(rows: Sequence[Result]) -> str:
    """Return the rows of an attempt as a Markdown table with a mean, then machine and settings."""
    metrics = list(rows[0]["scores"])
    labels = [rows[0]["scores"][name]["label"] for name in metrics]
    header = ("seed", "steps", "images/s", "wall, s", *labels, "floor", "ratio")
    lines = [_line(row, metrics) for row in rows]
    first = [row["scores"][metrics[0]] for row in rows]
    if len(rows) > 1 and all(score["ratio"] for score in first):
        blanks = [""] * (len(metrics) - 1)
        lines.append([
            "mean", "", f"{mean(row['images_per_second'] for row in rows):.0f}",
            f"{mean(row['wall'] for row in rows):.0f}", f"**{mean(s['value'] for s in first):.2f}**",
            *blanks, f"{mean(s['floor'] for s in first):.2f}", f"**{mean(s['ratio'] for s in first):.2f}**",
        ])  # fmt: skip
    newest = rows[-1]
    settings = ", ".join(newest["settings"]) or "none"
    return "\n".join([
        markdown(header, lines), "",
        f"{newest['record']}, {newest['program']}, {newest['date']}; settings changed: {settings}; "
        f"n={first[0]['n']}. {machine.line(newest['machine'])}",
    ])  # fmt: skip


def _line(row: Result, metrics: Sequence[str]) -> list[str]:
    first = row["scores"][metrics[0]]
    return [
        str(row["seed"]), str(row["steps"]), f"{row['images_per_second']:.0f}", f"{row['wall']:.0f}",
        *(_value(row["scores"][name]) for name in metrics),
        f"{first['floor']:.2f}", f"{first['ratio']:.2f}" if first["ratio"] else "–",
    ]  # fmt: skip


def _value(score: Result) -> str:
    low, high = score["low"], score["high"]
    interval = f" [{low:.3g}, {high:.3g}]" if low is not None else ""
    return f"{score['value']:.3g}{interval}"


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--record", choices=RECORDS, required=True)
    parser.add_argument("--program", choices=SIDES, default="ours", help="default: %(default)s")
    parser.add_argument("--seeds", default=SEEDS, help="default: %(default)s")
    parser.add_argument("--data", help="the record's images (default: its data set by name)")
    parser.add_argument("--minutes", type=float, help="another budget; the row is then no record")
    parser.add_argument("-n", type=int, help="another number of images; the row is then no record")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="of ddpm train"
    )
    parser.add_argument("--out", type=Path, help="default: runs/benchmarks/speedrun/RECORD")
    parser.add_argument("--markdown", action="store_true", help="print the table of --out only")
    return parser.parse_args(words)


def attempt_of(options: argparse.Namespace) -> Attempt:
    """Return the attempt that the options describe."""
    record = RECORDS[options.record]
    changes: dict[str, Any] = {"data": options.data, "minutes": options.minutes, "n": options.n}
    record = replace(record, **{key: value for key, value in changes.items() if value is not None})
    out = options.out or RESULTS / "speedrun" / options.record
    return Attempt(options.record, record, out, tuple(options.set), options.program)


def finished_rows(attempt: Attempt) -> list[Result]:
    """Return the rows of the seeds that are done. SystemExit if they were trained with other settings."""
    rows = [read(file) for file in sorted((attempt.out / attempt.program).glob(f"seed*/{ROW}"))]
    if any(_conditions(row) != _expected(attempt) for row in rows):
        raise SystemExit(f"{attempt.out} holds seeds of other settings; choose another --out.")
    return rows


def _conditions(row: Result) -> tuple[object, ...]:
    return row["record"], row["data"], row["minutes"], row["n"], tuple(row["settings"])


def _expected(attempt: Attempt) -> tuple[object, ...]:
    record = attempt.record
    return attempt.name, record.data, record.minutes, record.n, attempt.settings


def main(words: Sequence[str] | None = None) -> None:
    options = arguments(words)
    attempt = attempt_of(options)
    rows = finished_rows(attempt)
    if not options.markdown:
        rows = [run_seed(attempt, int(seed)) for seed in options.seeds.split(",")]
    if not rows:
        raise SystemExit(
            f"{attempt.out} has no finished seed; run the same command without --markdown."
        )
    print(table(rows))


if __name__ == "__main__":
    main()
