"""Time until ours is as good as a peer after its minutes: training, sampling, scoring, piece by piece.

    python -m benchmarks.time_to_quality                 # all pieces that are missing, then the tables
    python -m benchmarks.time_to_quality --sides ours    # ours alone; the rest another time
    python -m benchmarks.time_to_quality --minutes 1 --budgets 10,20 --seeds 0 -n 200 --out DIR
    python -m benchmarks.time_to_quality --markdown      # the tables of what is there

    python -m benchmarks.time_to_quality --rates         # the peers' steps a second; nothing else may run

Every piece writes a file and is not repeated. A peer resumes from its last snapshot; an interrupted run of
ours starts again, since its time would be wrong. A peer's minutes are counted in steps, at the rate of its
first minute on the idle machine: after `--rates` the peers may train beside other work; ours may not. The
note of a piece records machine, commit and load at its start. All times use the same number of threads.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import torch

from benchmarks import machine, quality
from benchmarks.machine import Result, say
from benchmarks.process import Worker
from benchmarks.results import RESULTS, read, write
from benchmarks.scoring import export_images, score
from benchmarks.sides import SIDES, Setup
from ddpm.runs import RunFolder, read_metrics

RATE_SECONDS = 60.0  # of training from which a peer's steps a second are taken
SNAPSHOTS = (1 / 3, 1.0)  # of the peers' minutes
SETTINGS = "settings.json"  # of the pieces that lie beside it
BUDGETS = "30,45,60,75,90,120,180,300,600"


@dataclass(frozen=True)
class Plan:
    """Settings of the measurement, and the folder of its pieces."""

    out: Path
    data: str
    preset: str
    minutes: float  # of a peer
    budgets: tuple[float, ...]  # seconds of ours, a run each
    seeds: tuple[int, ...]
    n: int
    steps: int  # of the solvers
    threads: int

    @property
    def snapshots(self) -> list[float]:
        """Return the minutes at which a peer is scored."""
        return [round(self.minutes * share, 3) for share in SNAPSHOTS]


def check_plan(plan: Plan) -> None:
    """Record the settings in `plan.out`. SystemExit if its pieces were made with others."""
    settings = {name: getattr(plan, name) for name in ("data", "preset", "n", "steps")}
    known = _settings(plan)
    if any(known.get(name, value) != value for name, value in settings.items()):
        raise SystemExit(
            f"{plan.out} holds pieces of other settings ({known}); choose another --out."
        )
    write(plan.out / SETTINGS, {**known, **settings})


def check_threads(plan: Plan) -> None:
    """Record the number of threads in `plan.out`. SystemExit if its times were taken with another.

    Only measurements of time call it: once the rate of a peer is known, its steps are counted.
    """
    rates = [read(file) for file in plan.out.glob("*/rate.json")]
    known = {found["threads"] for found in [_settings(plan), *rates] if "threads" in found}
    if known - {plan.threads}:
        told = " and ".join(map(str, sorted(known)))
        raise SystemExit(
            f"The times in {plan.out} were taken with {told} threads, not {plan.threads}; set "
            "OMP_NUM_THREADS to that, or choose another --out."
        )
    write(plan.out / SETTINGS, {**_settings(plan), "threads": plan.threads})


def _settings(plan: Plan) -> Result:
    file = plan.out / SETTINGS
    return read(file) if file.is_file() else {}


def peer_setup(plan: Plan, peer: str, threads: int = 0) -> Setup:
    """Return the setup of a peer's process, on the training images."""
    images = plan.out / "images.npy"
    if not images.is_file():
        export_images(plan.data, images)
    return Setup(peer, images=str(images.resolve()), threads=threads)


def peer_rate(plan: Plan, peer: str) -> float:
    """Return the steps per second of `peer` on the idle machine, measured once."""
    file = plan.out / peer / "rate.json"
    if not file.is_file():
        check_threads(plan)
        file.parent.mkdir(parents=True, exist_ok=True)
        before = machine.describe(plan.threads, warn=False)
        with Worker(peer_setup(plan, peer, plan.threads)) as worker:
            worker.ask("warm")
            found = worker.ask("train", seconds=RATE_SECONDS)
        rate = found["steps"] / found["seconds"]
        write(file, {"steps_a_second": rate, **before})
        say(f"{peer}: {rate:.3f} steps a second")
    return float(read(file)["steps_a_second"])


def peer_pieces(plan: Plan, peer: str) -> None:
    """Train `peer` from snapshot to snapshot; at each, draw images and save the state.

    Minutes are counted in steps at the measured rate, so other work may run beside it.
    """
    folder, rate = plan.out / peer, peer_rate(plan, peer)
    done = list(takewhile(lambda minutes: _note(folder, minutes).is_file(), plan.snapshots))
    missing = plan.snapshots[len(done) :]
    if not missing:
        return
    with Worker(peer_setup(plan, peer)) as worker:
        steps = 0
        if done:
            steps = read(_note(folder, done[-1]))["steps"]
            worker.ask("load", file=str(_file(folder, done[-1], "pt")))
        for minutes in missing:
            before = machine.describe(plan.threads, warn=False)
            ahead = max(1, round(60 * minutes * rate) - steps)
            steps += worker.ask("train", steps=ahead)["steps"]
            worker.ask("save", file=str(_file(folder, minutes, "pt")))
            drawn = _file(folder, minutes, "npz")
            took = worker.ask("draw", n=plan.n, steps=plan.steps, file=str(drawn))["seconds"]
            write(_note(folder, minutes), {
                "minutes": minutes, "steps": steps, "peer": peer, "drawing": took, "machine": before,
            })  # fmt: skip
            say(f"{peer}: {minutes:g} minutes, {steps} steps, drawn in {took:.0f} s")


def our_piece(plan: Plan, budget: float, seed: int) -> None:
    """Time a complete `ddpm train` with a budget of seconds, then draw its images."""
    folder = plan.out / "ours" / f"{budget:g}s-seed{seed}"
    note, run = folder / "note.json", folder / "run"
    if note.is_file():
        return
    check_threads(plan)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    before = machine.describe(plan.threads, warn=False)
    began = time.perf_counter()
    _ddpm(
        "train", plan.preset, "--data", plan.data, "--out", str(run), "--minutes", str(budget / 60),
        "--set", f"training.seed={seed}",
    )  # fmt: skip
    wall = time.perf_counter() - began
    began = time.perf_counter()
    _ddpm("sample", str(run), "-n", str(plan.n), "--seed", "0", "--out", str(folder / "images.npz"))
    drawing = time.perf_counter() - began
    last = [row for row in read_metrics(RunFolder(run).metrics) if "batch" in row][-1]
    write(note, {
        "budget": budget, "seed": seed, "wall": wall, "training": last["seconds"],
        "steps": last["step"], "drawing": drawing, "machine": before,
    })  # fmt: skip
    say(f"ours, seed {seed}: {budget:g} s asked, {wall:.0f} s taken, {last['step']} steps")


def _ddpm(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "ddpm", *words], check=True)


def _note(folder: Path, minutes: float) -> Path:
    return _file(folder, minutes, "json")


def _file(folder: Path, minutes: float, suffix: str) -> Path:
    return (folder / f"{minutes:g}min.{suffix}").resolve()


def gather(plan: Plan) -> Result:
    """Return every finished piece with its score, which is computed if missing."""
    found: Result = {"n": plan.n, "ours": [], "peers": []}
    for note in sorted(plan.out.glob("*/*min.json")):
        piece = read(note)
        piece["score"] = score(note.with_suffix(".npz"), plan.data, plan.n)
        found["peers"].append(piece)
    for note in sorted(plan.out.glob("ours/*/note.json")):
        piece = read(note)
        piece["score"] = score(note.with_name("images.npz"), plan.data, plan.n)
        found["ours"].append(piece)
    found["peers"].sort(key=lambda piece: (piece["peer"], piece["minutes"]))
    found["ours"].sort(key=lambda piece: (piece["budget"], piece["seed"]))
    return found


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--sides", default=",".join(SIDES), help="default: %(default)s")
    parser.add_argument("--minutes", type=float, default=30.0, help="of a peer (default: 30)")
    parser.add_argument("--budgets", default=BUDGETS, help="seconds of ours (default: %(default)s)")
    parser.add_argument("--seeds", default="0,1,2", help="of ours (default: %(default)s)")
    parser.add_argument("-n", type=int, default=2000, help="images scored (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=20, help="of the peers' solvers (default: 20)")
    parser.add_argument("--data", default="mnist", help="default: %(default)s")
    parser.add_argument("--preset", default="mnist", help="of ours (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=RESULTS / "time-to-quality")
    parser.add_argument(
        "--rates", action="store_true", help="only measure the peers' steps a second"
    )
    parser.add_argument("--markdown", action="store_true", help="print the tables of --out only")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    plan = Plan(
        out=options.out,
        data=options.data,
        preset=options.preset,
        minutes=options.minutes,
        budgets=tuple(map(float, options.budgets.split(","))),
        seeds=tuple(map(int, options.seeds.split(","))),
        n=options.n,
        steps=options.steps,
        threads=torch.get_num_threads(),
    )
    results = plan.out / "results.json"
    if not options.markdown:
        check_plan(plan)
        before = machine.describe(plan.threads)
        for side in options.sides.split(","):
            if side != "ours":
                (peer_rate if options.rates else peer_pieces)(plan, side)
        if options.rates:
            return
        if "ours" in options.sides.split(","):
            for budget in plan.budgets:
                for seed in plan.seeds:
                    our_piece(plan, budget, seed)
        write(results, {"machine": before, **gather(plan)})
    print(quality.table(read(results)))


if __name__ == "__main__":
    main()
