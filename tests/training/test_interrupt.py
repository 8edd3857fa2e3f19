"""Real signals to a real process: the first asks, the second insists."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from ddpm.distributed import ProcessLostError
from ddpm.training.interrupt import Interrupt

posix = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows sends a process no SIGINT or SIGTERM of its own"
)
LIMIT = 60  # seconds

# A training in small: says when it listens, works until it is asked to stop, "saves", and leaves.
CHILD = """
import select, sys
from ddpm.training.interrupt import Interrupt

with Interrupt() as interrupt:
    print("listening", flush=True)
    while interrupt.signal is None:
        select.select([], [], [], 0.01)
    print("saving", flush=True)
    if "insist" in sys.argv:
        while True:
            select.select([], [], [], 1)
    print("saved", flush=True)
sys.exit(interrupt.exit_status)
"""


@pytest.fixture
def child(request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[str]]:
    options = getattr(request, "param", [])
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    watchdog = threading.Timer(LIMIT, process.kill)
    watchdog.start()
    with process:
        yield process
        process.kill()
    watchdog.cancel()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@posix
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_first_signal_lets_it_save(
    child: subprocess.Popen[str], number: signal.Signals, status: int
) -> None:
    assert line(child) == "listening"
    child.send_signal(number)
    output, errors = child.communicate(timeout=LIMIT)
    assert output.split() == ["saving", "saved"]
    assert child.returncode == status
    assert errors == ""


@posix
@pytest.mark.parametrize("child", [["insist"]], indirect=True)
@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_the_second_signal_acts_as_usual(
    child: subprocess.Popen[str], second: signal.Signals
) -> None:
    assert line(child) == "listening"
    child.send_signal(signal.SIGINT)
    assert line(child) == "saving"
    child.send_signal(second)
    _, errors = child.communicate(timeout=LIMIT)
    assert child.returncode == -second  # Python, too, ends by SIGINT where nobody catches it
    assert ("KeyboardInterrupt" in errors) == (second is signal.SIGINT)


def test_handlers_come_back() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with Interrupt() as interrupt:
        assert signal.getsignal(signal.SIGINT) == interrupt._handle
        signal.raise_signal(signal.SIGINT)
        assert interrupt.signal == signal.SIGINT
        assert signal.getsignal(signal.SIGTERM) == before[1]  # a second one would act
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
    with pytest.raises(ZeroDivisionError), Interrupt():
        print(1 / 0)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_who_lost_the_others_is_not_ended_before_it_has_said_so() -> None:
    """torchrun sends SIGTERM to those that are left over."""
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(ProcessLostError), Interrupt() as interrupt:
        raise ProcessLostError
    signal.raise_signal(signal.SIGTERM)
    assert interrupt.signal == signal.SIGTERM
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_without_a_signal_the_status_is_that_of_success() -> None:
    with Interrupt() as interrupt:
        pass
    assert interrupt.signal is None and interrupt.exit_status == 0


def test_in_another_thread_nothing_is_installed() -> None:
    before = signal.getsignal(signal.SIGINT)
    seen: list[object] = []

    def work() -> None:
        with Interrupt() as interrupt:
            seen.append((signal.getsignal(signal.SIGINT), interrupt.signal))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(LIMIT)
    assert seen == [(before, None)]
