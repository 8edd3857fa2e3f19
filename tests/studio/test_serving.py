"""`ddpm studio` as its user meets it: one line, Ctrl-C, and sentences for what cannot be served."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ddpm.cli import main
from ddpm.studio import command
from ddpm.studio.listener import listen, port_of
from tests.studio.live import StudioProcess


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The sentence of a request that exits with 2 and prints nothing else."""
    try:
        status = main(["studio", "--no-browser", *words])
    except SystemExit as stop:  # argparse
        status = int(stop.code or 0)
    captured = capsys.readouterr()
    assert status == 2 and captured.out == "", captured
    return captured.err


def test_it_prints_one_line_serves_and_ends_with_ctrl_c(workplace: Path) -> None:
    with StudioProcess(workplace) as studio:
        assert studio.client.get("/api/health")["ok"] is True
        assert studio.client.get("/api/runs") == []
        with studio.client.events() as events:  # an open page does not hold it up
            assert next(events)["kind"] == "hello"
            status, errors = studio.end(signal.SIGINT)
    assert status == 130, errors
    assert errors == "ddpm: Stopped. Nothing is damaged; run the same command again.\n"
    assert not list(workplace.iterdir())  # looking writes nothing


def test_a_taken_port_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with listen("127.0.0.1", 0) as listening:
        sentence = refused(capsys, "--port", str(port_of(listening)))
    assert "is in use" in sentence and sentence.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--host", "0.0.0.0"], "pass a token of your own"),
        (["--host", "0.0.0.0", "--token", "short"], "16 to 200"),
        (["--token", "a b c d e f g h i j"], "16 to 200"),
        (["--port", "65536"], "0 (any free one) to 65535"),
        (["--port", "-1"], "0 (any free one) to 65535"),
        (["--allow", "nowhere"], "There is no folder nowhere"),
        (["file"], "file is a file"),
    ],
)
def test_what_cannot_be_served_is_a_sentence(
    words: list[str], sentence: str, workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (workplace / "file").write_bytes(b"")
    assert sentence in refused(capsys, *words)


def test_without_the_extra_it_says_what_to_install(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "find_spec", lambda name: None)
    assert "pip install 'ddpm-studio[studio]'" in refused(capsys)


def test_the_help_needs_neither_the_extra_nor_torch() -> None:
    code = (
        "import sys; from ddpm.cli import main\n"
        "try: main(['studio', '--help'])\n"
        "except SystemExit: pass\n"
        "sys.exit(str({'torch', 'fastapi', 'uvicorn', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr.strip() == "set()" and "--allow FOLDER" in done.stdout
