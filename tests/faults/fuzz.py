"""Fuzz the readers of foreign bytes for a bounded time:

    python -m tests.faults.fuzz --seconds 60 --target config

Coverage-guided where atheris is installed (pip install 'ddpm-studio[fuzz]'), else by mutation of honest
inputs. Each distinct crash is written to --out, with the bytes that made it; the last line counts.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import os
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LONGEST = 1 << 16  # bytes of an input


@dataclass
class Tally:
    """Inputs tried, and the first input of every distinct crash."""

    name: str
    read: Callable[[bytes], None]
    out: Path
    seconds: float = math.inf  # to go on for
    most: float = math.inf  # inputs to try
    began: float = field(default_factory=time.perf_counter)
    tried: int = 0
    slowest: float = 0.0
    crashes: dict[str, bytes] = field(default_factory=dict)

    def try_one(self, data: bytes) -> None:
        self.tried += 1
        began = time.perf_counter()
        try:
            self.read(data)
        except Exception as error:
            self._keep(error, data)
        self.slowest = max(self.slowest, time.perf_counter() - began)

    def _keep(self, error: Exception, data: bytes) -> None:
        frames = traceback.extract_tb(error.__traceback__)
        where = " ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames[-3:])
        sign = f"{type(error).__name__} {where}"
        if sign in self.crashes:
            return
        self.crashes[sign] = data
        self.out.mkdir(parents=True, exist_ok=True)
        name = f"{self.name}-{hashlib.sha256(data).hexdigest()[:12]}"
        (self.out / name).write_bytes(data)
        print(f"crash: {sign}: {error!r:.200} ({self.out / name})", flush=True)

    @property
    def passed(self) -> float:
        return time.perf_counter() - self.began

    @property
    def over(self) -> bool:
        return self.tried >= self.most or self.passed > self.seconds

    def line(self, how: str) -> str:
        return (
            f"{self.name}: {self.tried:,} inputs in {self.passed:.0f} s ({how}), "
            f"slowest {self.slowest:.2f} s, {len(self.crashes)} distinct crashes"
        )


def mutated(seeds: Sequence[bytes], words: Sequence[bytes], rng: random.Random) -> bytes:
    """One of the seeds with a few bytes changed, cut, doubled, swapped or replaced by a word."""
    data = bytearray(rng.choice(seeds))
    for _ in range(rng.choice((1, 1, 2, 3, 8))):
        place = rng.randrange(len(data) + 1)
        length = min(rng.choice((1, 1, 2, 4, 16, 256)), len(data) - place)
        kind = rng.randrange(7)
        if kind == 0:
            data[place : place + length] = rng.randbytes(length)
        elif kind == 1 and place < len(data):
            data[place] ^= 1 << rng.randrange(8)
        elif kind == 2:
            del data[place : place + length]
        elif kind == 3:
            data[place:place] = data[place : place + length] * rng.choice((1, 2, 50))
        elif kind == 4:
            data[place:place] = rng.choice((*words, b"\0\0\0\0", b"\xff\xff\xff\xff", b"9" * 400))
        elif kind == 5:
            other = rng.choice(seeds)
            data[place:] = other[rng.randrange(len(other) + 1) :]
        else:
            number = rng.choice((0, 1, 127, 255, 2**15, 2**16 - 1, 2**31 - 1, 2**32 - 1, 2**63))
            packed = number.to_bytes(8, rng.choice(("big", "little")))
            data[place : place + 4] = packed[:4] if rng.random() < 0.5 else packed[4:]
    return bytes(data[:LONGEST])


def by_mutation(tally: Tally, seeds: Sequence[bytes], words: Sequence[bytes], seed: int) -> None:
    """Honest inputs first, then mutations of them until it is over."""
    rng = random.Random(seed)
    for data in seeds:
        tally.try_one(data)
    while not tally.over:
        tally.try_one(mutated(seeds, words, rng))


def by_coverage(
    atheris: Any, tally: Tally, seeds: Sequence[bytes], words: Sequence[bytes], seed: int
) -> None:
    """libFuzzer from the same inputs; it never returns."""
    corpus, dictionary = tally.out / "corpus" / tally.name, tally.out / f"{tally.name}.words"
    corpus.mkdir(parents=True, exist_ok=True)
    for i, data in enumerate(seeds):
        (corpus / f"seed-{i}").write_bytes(data)
    spelled = ("".join(f"\\x{byte:02x}" for byte in word) for word in words)
    dictionary.write_text("".join(f'"{word}"\n' for word in spelled), encoding="ascii")

    def one(data: bytes) -> None:
        tally.try_one(data)
        if tally.over:
            os._exit(finish(tally, "atheris"))

    options = [f"-seed={seed + 1}", f"-max_len={LONGEST}", f"-dict={dictionary}", "-verbosity=0"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], one)
    atheris.Fuzz()


def finish(tally: Tally, how: str) -> int:
    """The last line, and the exit status."""
    from tests.faults.fuzz_targets import folder

    print(tally.line(how), flush=True)
    shutil.rmtree(folder(), ignore_errors=True)
    return int(bool(tally.crashes))


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--target", required=True)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path(tempfile.gettempdir(), "ddpm-fuzz-found"))
    parser.add_argument("--mutation", action="store_true", help="even where atheris is there")
    options = parser.parse_args()
    atheris = None if options.mutation else guided()
    from tests.faults.fuzz_targets import TARGETS

    target = TARGETS[options.target]
    seeds = target.seeds()
    tally = Tally(options.target, target.read, options.out, options.seconds)
    if atheris is not None:
        by_coverage(atheris, tally, seeds, target.words, options.seed)
    by_mutation(tally, seeds, target.words, options.seed)
    return finish(tally, "mutation")


def guided() -> Any:
    """atheris, with everything of ours that is imported from now on watched; None where it is not there."""
    try:
        import atheris
    except ImportError:
        return None
    with atheris.instrument_imports(include=["ddpm", "zipfile", "json"]):
        import tests.faults.fuzz_targets  # noqa: F401
    return atheris


if __name__ == "__main__":
    sys.exit(main())
