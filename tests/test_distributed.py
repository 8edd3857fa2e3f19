"""One process is a whole world of its own; what the environment says of others is looked at."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

from ddpm import distributed
from ddpm.cli import main
from ddpm.errors import RequestError, WorkError

STARTED = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "TORCHELASTIC_RUN_ID")


@pytest.fixture(autouse=True)
def started_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*STARTED, *THREADS):
        monkeypatch.delenv(name, raising=False)


def test_alone_everything_is_plain() -> None:
    numbers = torch.ones(2)
    with distributed.process_group():
        assert (distributed.world_size(), distributed.rank(), distributed.is_main()) == (1, 0, True)
        assert distributed.map_across_ranks(range(3), lambda i: i * i) == [0, 1, 4]
        assert distributed.run_on_main(lambda: 5) == distributed.local_main_first(lambda: 5) == 5
        assert distributed.all_reduce_max(3) == 3
        distributed.all_reduce_sum([numbers])
        distributed.barrier()
        distributed.check_same_on_all_ranks("a", "Nothing")
    assert numbers.tolist() == [1, 1]
    with (
        pytest.raises(ZeroDivisionError),
        distributed.process_group(),
        distributed.raise_on_all_ranks(),
    ):
        1 / 0  # noqa: B018
    assert distributed.reports_failure()


def test_shares_are_a_row_without_gaps(monkeypatch: pytest.MonkeyPatch) -> None:
    for size in (1, 2, 3, 5):
        found: list[int] = []
        for rank in range(size):
            world = distributed._World(rank, size, rank, None)
            monkeypatch.setattr(distributed, "_world", world)
            part = range(11)[distributed.rank_slice(11)]
            assert 11 // size <= len(part) <= -(-11 // size)
            found += part
        assert found == list(range(11))


def test_one_process_never_loads_what_several_need() -> None:
    """Neither the parser nor a process that is told of itself alone."""
    program = (
        "import sys, ddpm.distributed as p, ddpm.cli.parser\n"
        "with p.process_group(): p.barrier(); p.map_across_ranks([1], str)\n"
        "assert 'torch' not in sys.modules"
    )
    for count in ({}, {"WORLD_SIZE": "1"}):
        subprocess.run([sys.executable, "-c", program], check=True, env={**os.environ, **count})


def test_an_environment_that_says_half_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    refused = pytest.raises(
        RequestError, match="RANK is not set; start the processes with torchrun"
    )
    with refused, distributed.process_group():
        pass
    monkeypatch.setenv("WORLD_SIZE", "two")
    with pytest.raises(RequestError, match="environment variable WORLD_SIZE is 'two'"):
        distributed.is_multi_process()


def test_the_work_of_one_is_refused_to_several_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    for rank, said in ((0, 1), (1, 0)):
        monkeypatch.setenv("RANK", str(rank))
        assert main(["runs"]) == 2
        assert capsys.readouterr().err.count("uses one process") == said


@pytest.mark.parametrize(
    ("environment", "threads"),
    [
        ({}, 8),
        ({"OMP_NUM_THREADS": "3"}, 3),
        ({"OMP_NUM_THREADS": "1"}, 1),
        ({"OMP_NUM_THREADS": "1", "TORCHELASTIC_RUN_ID": "none"}, 8),  # torchrun's own 1
        ({"OMP_NUM_THREADS": "3", "TORCHELASTIC_RUN_ID": "none"}, 3),
        (
            {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "TORCHELASTIC_RUN_ID": "none"},
            1,
        ),
        ({"MKL_NUM_THREADS": "2"}, 2),
        ({"LOCAL_WORLD_SIZE": "16"}, 1),
        ({"LOCAL_WORLD_SIZE": "32"}, 1),
    ],
)
def test_cores_are_dealt_unless_the_user_says_otherwise(
    environment: dict[str, str], threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(16)), raising=False)
    monkeypatch.setenv("WORLD_SIZE", "2")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert distributed._num_threads() == threads


def test_an_error_that_cannot_travel_goes_as_words() -> None:
    class StubbornError(Exception):
        def __init__(self, one: int, two: int) -> None:
            super().__init__(f"{one} and {two}")

    sent = distributed._picklable(StubbornError(1, 2))
    assert isinstance(sent, WorkError) and str(sent) == "StubbornError: 1 and 2"
    assert isinstance(distributed._picklable(OSError(28, "no room")), OSError)
