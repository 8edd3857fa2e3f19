"""Downloads: verified, over https only, whole or absent, and one sentence when offline."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import os
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ddpm.data import download
from ddpm.data.catalogue import locate
from ddpm.data.download import DownloadError
from ddpm.errors import WorkError
from ddpm.files import TEMP_PREFIX

BODY = bytes(range(256)) * 2000
SHA256 = hashlib.sha256(BODY).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers each path with the function that the test put there, else with BODY."""

    server: Server

    def do_GET(self) -> None:
        self.server.requests.append(self.path)
        self.server.answers.get(self.path, send_body)(self)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


class Server(http.server.ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[str] = []
        self.answers: dict[str, Callable[[Handler], None]] = {}

    def url(self, path: str = "/f") -> str:
        return f"http://127.0.0.1:{self.server_address[1]}{path}"


def send_body(handler: Handler, length: int = len(BODY), body: bytes = BODY) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(length))
    handler.end_headers()
    handler.wfile.write(body)


def redirect(to: str) -> Callable[[Handler], None]:
    def answer(handler: Handler) -> None:
        handler.send_response(302)
        handler.send_header("Location", to)
        handler.end_headers()

    return answer


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    """Admit http, which a test can serve without a certificate."""
    monkeypatch.setattr(download, "_HANDLERS", (*download._HANDLERS, urllib.request.HTTPHandler))


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "images.gz"


def files(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir()) if target.parent.exists() else []


@pytest.mark.usefixtures("plain_http")
def test_a_file_is_downloaded_once(server: Server, target: Path) -> None:
    for _ in range(2):
        assert download.download_file([server.url()], target, SHA256) == target
    assert target.read_bytes() == BODY and files(target) == ["images.gz"]
    assert server.requests == ["/f"]


@pytest.mark.usefixtures("plain_http")
@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda handler: handler.send_error(503, "Busy"), "Busy"),
        (lambda handler: send_body(handler, body=BODY[:1000]), "SHA-256|IncompleteRead"),
        (lambda handler: send_body(handler, body=BODY[::-1]), "SHA-256 of the file differs"),
        (lambda handler: handler.wfile.write(b"220 ftp ready\r\n"), "220 ftp ready"),
        (redirect("file:///etc/passwd"), "redirection|Found|unknown"),
        (redirect("ftp://127.0.0.1/f"), "unknown url type: ftp"),
        (redirect("/f"), "infinite loop"),
    ],
)
def test_the_next_mirror_is_asked_when_one_fails(
    answer: Callable[[Handler], None], reason: str, server: Server, target: Path
) -> None:
    server.answers["/f"] = answer
    with pytest.raises(DownloadError, match=rf"images\.gz .*\(127\.0\.0\.1: [^\n]*({reason})"):
        download.download_file([server.url()], target, SHA256)
    assert files(target) == []
    download.download_file([server.url(), server.url("/g")], target, SHA256)
    assert target.read_bytes() == BODY


@pytest.mark.usefixtures("plain_http")
def test_a_silent_server_is_given_up(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "_TIMEOUT", 0.05)
    done = threading.Event()
    server.answers["/f"] = lambda handler: done.wait(60) and None
    try:
        with pytest.raises(DownloadError, match="timed out"):
            download.download_file([server.url()], target, SHA256)
    finally:
        done.set()


def test_plain_http_is_refused_before_anything_is_sent(server: Server, target: Path) -> None:
    with pytest.raises(DownloadError, match="unknown url type: http"):
        download.download_file([server.url()], target, SHA256)
    assert server.requests == [] and files(target) == []


def test_a_server_without_a_certificate_is_refused(server: Server, target: Path) -> None:
    with pytest.raises(DownloadError):
        download.download_file([server.url().replace("http:", "https:")], target, SHA256)
    assert server.requests == [] and files(target) == []


def test_a_redirect_from_https_to_http_is_refused() -> None:
    """What follows a redirect is opened by the same opener, which has no handler for http."""
    with download._https_only():
        opener = urllib.request._opener
        assert opener is not None
        with pytest.raises(urllib.error.URLError, match="unknown url type: http"):
            opener.open("http://mirror.example/f")


@pytest.mark.usefixtures("plain_http")
def test_the_settings_of_the_process_come_back(server: Server, target: Path) -> None:
    before = urllib.request._opener, socket.getdefaulttimeout()
    download.download_file([server.url()], target, SHA256)
    assert (urllib.request._opener, socket.getdefaulttimeout()) == before


def test_a_folder_that_cannot_be_written_is_named_with_the_fix(tmp_path: Path) -> None:
    (tmp_path / "cache").write_bytes(b"a file, not a folder")
    with pytest.raises(WorkError, match=r"cache cannot be written .*DDPM_CACHE_DIR") as caught:
        download.download_file(["https://127.0.0.1/f"], tmp_path / "cache" / "f", SHA256)
    assert not isinstance(caught.value, DownloadError)


def test_offline_the_fix_is_said_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy that does not exist stands for no network at all."""
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as gone:
        port = gone.getsockname()[1]
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
    with pytest.raises(DownloadError) as caught:
        locate("mnist", data_dir=None, cache_dir=tmp_path)
    message = str(caught.value)
    assert message.count("Connection refused") == 2 and "\n" not in message
    assert "when online" in message and "DDPM_DATA_DIR" in message
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


CHILD = """
import sys, urllib.request
from pathlib import Path
from ddpm.data import download
download._HANDLERS += (urllib.request.HTTPHandler,)
download.download_file([sys.argv[1]], Path(sys.argv[2]), sys.argv[3])
"""


@pytest.mark.usefixtures("plain_http")
def test_a_killed_download_leaves_no_file_under_the_final_name(
    server: Server, target: Path
) -> None:
    half_sent, done = threading.Event(), threading.Event()

    def half(handler: Handler) -> None:
        send_body(handler, body=BODY[: len(BODY) // 2])
        half_sent.set()
        done.wait(60)

    server.answers["/f"] = half
    command = [sys.executable, "-c", CHILD, server.url(), str(target), SHA256]
    with subprocess.Popen(command) as child:
        assert half_sent.wait(60)
        child.kill()
    done.set()
    assert files(target) and all(name.startswith(TEMP_PREFIX) for name in files(target))
    for path in target.parent.iterdir():
        os.utime(path, (0, 0))
    del server.answers["/f"]
    download.download_file([server.url()], target, SHA256)
    assert files(target) == ["images.gz"]
