"""The long form of the kill test, and a long run: python -m tests.faults.long --kills 100 --minutes 5

Moments are drawn at random from a seed: the nth call of a function, or a time from outside.
"""

from __future__ import annotations

import argparse
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from ddpm.runs import RunFolder, read_metrics
from tests.faults.harness import DIFFUSION, KILL, SETTINGS, Ddpm, Fuse, differences

OFTEN = ("training.checkpoint_every=3", "training.preview_every=4", "training.heldout_every=5")
TOTAL = ("--steps", "12")
LIVES = 8  # kills that one run goes through at most
FROM_OUTSIDE = 0.3  # share of the kills
TERM, INT = signal.SIGTERM, signal.SIGINT
STATUSES = {-KILL, -TERM, -INT, 128 + TERM, 128 + INT}
READ_EVERY = 2.0  # seconds between two looks at the memory

# function → how often it is called in a whole run, about
POINTS: dict[tuple[str, str], int] = {
    ("ddpm.locking", "_acquire"): 1,
    ("ddpm.data.survey", "_read_item"): 1797,
    ("ddpm.data.decoded_rows", "_decode"): 1797,
    ("os", "replace"): 16,
    ("os", "fsync"): 45,
    ("os", "unlink"): 6,
    ("shutil", "rmtree"): 2,
    ("PIL.Image:Image", "save"): 6,
    ("ddpm.training.checkpoint", "save_file"): 12,
    ("ddpm.training.checkpoint", "_sha256"): 12,
    ("ddpm.training.checkpoint", "prune"): 4,
    ("ddpm.training.log", "_line"): 16,
    ("ddpm.training.log:TrainingLog", "write"): 15,
    ("ddpm.training.log:TrainingLog", "flush"): 5,
    ("ddpm.data.batches:Batches", "batch"): 12,
    ("ddpm.optim.ema:Ema", "update"): 12,
    ("ddpm.commands.train.session", "write_preview"): 2,
    ("ddpm.commands.train.session", "write_final_pictures"): 1,
}
OF_MODEL: dict[str, dict[tuple[str, str], int]] = {
    "digits": {
        ("ddpm.models.ddpm:Ddpm", "training_step"): 12,
        ("ddpm.optim.learner:Learner", "update"): 12,
        ("ddpm.models.ddpm:Ddpm", "heldout_loss"): 3,
    },
    "dcgan-folder": {
        ("ddpm.models.dcgan:Dcgan", "training_step"): 12,
        ("ddpm.models.dcgan", "generator_loss"): 12,
    },
}
OWN = {"digits": DIFFUSION, "dcgan-folder": ("gan.channels=8",)}


class Campaign:
    """Kills runs of one preset and keeps count."""

    def __init__(self, root: Path, preset: str, luck: random.Random) -> None:
        root.mkdir()
        self.ddpm = Ddpm(root, preset, (*OWN[preset], *OFTEN), own_cache=True)
        self.points, self.luck = POINTS | OF_MODEL[preset], luck
        began = time.monotonic()
        done = self.ddpm.train("whole", *TOTAL)
        assert done.status == 0, done.output
        self.seconds = time.monotonic() - began
        self.kills: Counter[str] = Counter()
        self.lives, self.lost = 0, list[str]()

    def life(self, most: int) -> None:
        """One run, killed up to `most` times, then finished and compared."""
        self.lives += 1
        name = f"life-{self.lives}"
        for _ in range(self.luck.randint(1, min(most, LIVES))):
            if not self._kill(name):
                break
        done = self.ddpm.train(name, *TOTAL)
        found = differences(self.ddpm.run(name), self.ddpm.run("whole")) if not done.status else []
        if done.status or found:
            self.lost.append(f"{self.ddpm.preset} {name}: {found} {done.output}")

    def _kill(self, name: str) -> bool:
        """Whether the process was ended, rather than finished before its moment came."""
        number = self.luck.choices([KILL, TERM, INT], [2, 1, 1])[0]
        if self.luck.random() < FROM_OUTSIDE:
            what, moment = "a time from outside", self.luck.uniform(0, self.seconds)
            done = self.ddpm.train(name, *TOTAL, stop_when=self._after(name, moment), number=number)
        else:
            (place, function), calls = self.luck.choice(sorted(self.points.items()))
            torn = function == "flush" and self.luck.random() < 0.5
            fuse: Fuse = (place, function, self.luck.randint(1, calls), "torn" if torn else number)
            what = f"{place.rpartition('.')[2]}.{function}"
            done = self.ddpm.train(name, *TOTAL, fuse=fuse)
        if done.status == 0:
            return False
        if done.status not in STATUSES or "Traceback" in done.output:
            self.lost.append(f"{self.ddpm.preset} {name}, {what}: {done.status} {done.output}")
        self.kills[what] += 1
        return True

    def _after(self, name: str, moment: float) -> Callable[[], bool]:
        """Whether so many seconds have passed since the program began."""
        output, began = Path(self.ddpm.values(name, (), None)["output"]), list[float]()

        def asked() -> bool:
            if not began and output.exists():
                began.append(time.monotonic())
            return bool(began) and time.monotonic() - began[0] > moment

        return asked


def kills(count: int, seed: int, root: Path) -> int:
    """Exit status 1 where a run was lost."""
    luck = random.Random(seed)
    campaigns = [Campaign(root / preset, preset, luck) for preset in OWN]
    done = Counter[str]()
    while done.total() < count:
        luck.choice(campaigns).life(count - done.total())
        done = sum((campaign.kills for campaign in campaigns), Counter[str]())
    lives = sum(campaign.lives for campaign in campaigns)
    lost = [words for campaign in campaigns for words in campaign.lost]
    print(
        f"seed {seed}: {done.total()} kills in {lives} runs of {len(OWN)} models; {len(lost)} lost"
    )
    for what, times in sorted(done.items()):
        print(f"  {times:4d}  {what}")
    print(*lost, sep="\n")
    return int(bool(lost))


def long_run(steps: int, minutes: float, root: Path) -> int:
    """A tiny model for `steps`, stopped after `minutes`: what its memory, log and disk did."""
    tiny = ("network.channels=8", "network.multipliers=[1]", "network.attention=[]",
            "training.batch_size=4", "training.checkpoint_every=500", "data.labels=false",
            "training.preview_every=500")  # fmt: skip
    chosen = [word for setting in (*SETTINGS[:2], *tiny) for word in ("--set", setting)]
    run = RunFolder(root / "long")
    command = ["train", "digits", "--out", str(run.root), "--steps", str(steps), *chosen]
    process = subprocess.Popen(
        [sys.executable, "-m", "ddpm", *command], stderr=subprocess.PIPE, text=True
    )
    memory, began = [], time.monotonic()
    while process.poll() is None and time.monotonic() - began < 60 * minutes:
        time.sleep(READ_EVERY)
        memory += [held for held in [_resident(process.pid)] if held]
    process.send_signal(INT)
    words = process.communicate()[1]
    rows = read_metrics(run.metrics)
    taken = [row["step"] for row in rows if "loss" in row]
    said = re.search(r"up to [^\n]*", words)
    disk = sum(path.stat().st_size for path in run.root.rglob("*") if path.is_file())
    eighths = [memory[i * (len(memory) - 1) // 8] for i in range(1, 9)] if memory else []
    parts = ", ".join(f"{held:.1f}" for held in eighths)
    print(
        f"{len(taken)} steps in {time.monotonic() - began:.0f} s, exit status {process.returncode}"
    )
    print(f"memory after each eighth of the time, MB: {parts}")
    print(
        f"the log holds every step once: {taken == list(range(1, len(taken) + 1))}; {len(rows)} rows"
    )
    print(f"checkpoints kept: {run.checkpoint_steps()}")
    print(f"disk {disk / 1e6:.1f} MB; said of {steps} steps: {said[0] if said else 'nothing'}")
    return process.returncode not in (0, 128 + INT)


def _resident(pid: int) -> float:
    """Megabytes in memory now; 0 where the system does not tell, or the process has ended."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except (OSError, IndexError):
        return 0.0
    return pages * 4096 / 1e6


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.long")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=100_000, help="of the long run")
    parser.add_argument("--minutes", type=float, default=0.0, help="for the long run; 0: none")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        failed = kills(options.kills, options.seed, Path(root)) if options.kills else 0
        if options.minutes:
            failed |= long_run(options.steps, options.minutes, Path(root))
    return failed


if __name__ == "__main__":
    sys.exit(main())
