"""A short fuzz of every reader, always the same; the long one is `python -m tests.faults.fuzz`."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.faults.fuzz import Tally, by_mutation, mutated
from tests.faults.fuzz_targets import TARGETS

INPUTS = 300


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.filterwarnings("ignore::UserWarning")  # zipfile's and numpy's, of odd bytes
def test_no_input_crashes_a_reader(name: str, tmp_path: Path) -> None:
    target = TARGETS[name]
    tally = Tally(name, target.read, tmp_path, most=INPUTS)
    by_mutation(tally, target.seeds(), target.words, 0)
    assert list(tally.crashes) == [] and tally.tried >= INPUTS


def test_honest_inputs_are_read_and_most_mutations_are_others() -> None:
    for target in TARGETS.values():
        seeds = target.seeds()
        rng = random.Random(0)
        others = {mutated(seeds, target.words, rng) for _ in range(50)} - set(seeds)
        assert len(others) > 25


def test_a_crash_is_kept_with_its_input_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def read(data: bytes) -> None:
        data.decode("ascii")

    tally = Tally("bad", read, tmp_path / "out")
    for data in (b"a", b"\xff", b"\xfe"):
        tally.try_one(data)
    assert tally.tried == 3 and list(tally.crashes.values()) == [b"\xff"]
    assert [path.read_bytes() for path in (tmp_path / "out").iterdir()] == [b"\xff"]
    assert "UnicodeDecodeError" in capsys.readouterr().out
    assert "bad: 3 inputs in 0 s (mutation)" in tally.line("mutation")
