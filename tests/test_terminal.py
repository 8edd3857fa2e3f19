"""Progress: plain lines off a terminal, a bar on one."""

from __future__ import annotations

import ast
import io
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from ddpm import terminal as progress
from ddpm.quantities import format_duration
from ddpm.terminal import (
    LINE_INTERVAL,
    Progress,
    escape,
    print_line,
    print_result,
    printable_name,
    shorten,
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    now = 50.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(progress, "time", SimpleNamespace(perf_counter=made.perf_counter))
    return made


def test_plain_lines_come_now_and_then(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("training", 100, scale=8, start=20) as bar:
        for step in range(21, 41):
            clock.now += LINE_INTERVAL / 10
            bar.advance_to(step, "loss 0.5" if step == 30 else "")
    rate = 8 * 10 / LINE_INTERVAL  # the 20 steps of before do not count
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        f"training: 30 of 100, {rate:.0f} images/s, {format_duration(70 * 1.5)} left, loss 0.5",
        f"training: 40 of 100, {rate:.0f} images/s, {format_duration(60 * 1.5)} left, loss 0.5",
    ]


def test_short_work_says_nothing(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("drawing", 3) as bar:
        for done in (1, 2, 3):
            clock.now += LINE_INTERVAL / 4
            bar.advance_to(done)
    assert capsys.readouterr().err == ""


def test_no_advance_divides_by_nothing(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("decoding", 0) as bar:
        clock.now += LINE_INTERVAL
        bar.report(0, 50)
    assert capsys.readouterr().err == "decoding: 0 of 50, 0 images/s, 0 s left\n"


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with Progress("training", 10, scale=4, start=5) as bar:
        bar.advance_to(6, "loss 0.25")
        bar.advance_to(7)
        assert bar.bar.n == 28 and bar.bar.total == 40 and "loss 0.25" in bar.bar.postfix
        bar.report(8, 20)
        assert bar.bar.n == 32 and bar.bar.total == 80
    assert "training" in terminal.getvalue() and "images/s" in terminal.getvalue()


def test_a_bar_with_nothing_to_do_leaves_no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with Progress("decoding", 0):
        pass
    assert not terminal.getvalue().endswith("\n")


HOSTILE = "a\x1b[31mb\x07\u202ec\u2066d\x9be\u2028f\udce9g\u200b"
ESCAPED = "a\\x1b[31mb\\x07\\u202ec\\u2066d\\x9be\\u2028f\\udce9g\\u200b"


def test_nothing_in_a_name_reaches_the_terminal_raw(capsys: pytest.CaptureFixture[str]) -> None:
    print_line(f"two\nlines {HOSTILE}")
    print_result(f"two\nlines {HOSTILE}")
    print_result(Path(f"a\n{HOSTILE}"))
    printed = capsys.readouterr()
    assert printed.err == f"two\\nlines {ESCAPED}\n"
    assert printed.out == f"two\nlines {ESCAPED}\na\\n{ESCAPED}\n"
    assert escape(HOSTILE) == printable_name(HOSTILE) == ESCAPED


def test_a_bar_shows_titles_and_notes_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with Progress(f"{HOSTILE}", 2) as bar:
        bar.advance_to(1, "b\x07")
    assert bar.title == ESCAPED and bar.note == "b\\x07"
    assert "\x07" not in terminal.getvalue() and "\u202e" not in terminal.getvalue()


@pytest.mark.parametrize("text", ["naïve café", "犬 猫", "نمی‌خواهم", "👩‍👧", "a\u3000b", ""])
def test_letters_of_every_script_stay(text: str) -> None:
    assert escape(text) == text


def test_every_print_of_a_command_is_escaped() -> None:
    """Only the terminal room and the command line, which escapes its errors itself, call print."""
    root = Path(progress.__file__).parent
    callers = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print"
    }
    assert callers == {"terminal.py", "cli/main.py", "cli/parser.py"}


@pytest.mark.parametrize("letters", [5, 6, 40])
def test_a_long_text_is_shortened_in_the_middle(letters: int) -> None:
    text = "".join(map(chr, range(0x4E00, 0x4E00 + 200)))
    short = shorten(text, letters)
    head, tail = short.split("…")
    assert len(short) == letters and text.startswith(head) and text.endswith(tail)
    assert 0 <= len(head) - len(tail) <= 1 and shorten(short, letters) == short
