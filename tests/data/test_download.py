"""Downloads against a real server on 127.0.0.1 that truncates, corrupts, stalls and lies."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import random
import re
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ddpm.data import download
from ddpm.data.catalogue import locate
from ddpm.data.download import Content, DownloadError, Patience, fetch
from ddpm.errors import WorkError

PLAIN = random.Random(0).randbytes(150_000)  # does not compress: the body has many blocks
BODY = gzip.compress(PLAIN, mtime=0)
CONTENT = Content(hashlib.sha256(PLAIN).hexdigest(), len(PLAIN))
HALF = len(BODY) // 2

Reply = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Answers each request with the next scripted reply, then with the honest one."""

    server: Server

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        with self.server.lock:
            self.server.requests.append((self.path, asked))
            replies = self.server.script.get(self.path, [])
            reply = replies.pop(0) if replies else whole
        with contextlib.suppress(ConnectionError):  # the client has left
            reply(self)

    def start(self) -> int:
        found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        return int(found[1]) if found else 0

    def head(self, status: int, length: int | None, **headers: str) -> None:
        self.send_response(status)
        if length is not None:
            self.send_header("Content-Length", str(length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = threading.Lock()
        self.script: dict[str, list[Reply]] = {}
        self.requests: list[tuple[str, str | None]] = []
        self.over = threading.Event()  # releases the replies that stall

    def url(self, path: str = "/f") -> str:
        return f"http://127.0.0.1:{self.server_address[1]}{path}"

    def ranges(self) -> list[str | None]:
        return [asked for _, asked in self.requests]


def range_head(handler: Handler, body: bytes) -> bytes:
    """Send the head that a range-aware server sends; returns the bytes to follow."""
    start = handler.start()
    if not start:
        handler.head(200, len(body))
    elif start >= len(body):
        handler.head(416, 0)
        return b""
    else:
        piece = f"bytes {start}-{len(body) - 1}/{len(body)}"
        handler.head(206, len(body) - start, Content_Range=piece)
    return body[start:]


def sends(body: bytes, cut: int | None = None, then: Callable[[Handler], object] = bool) -> Reply:
    """Promise ``body`` (from the range asked for), send ``cut`` bytes of it, then do ``then``."""

    def reply(handler: Handler) -> None:
        handler.wfile.write(range_head(handler, body)[:cut])
        handler.wfile.flush()
        then(handler)

    return reply


def status(code: int) -> Reply:
    return lambda handler: handler.head(code, 0)


def stalls(handler: Handler) -> None:
    handler.server.over.wait(60)


def ignores_range(handler: Handler) -> None:
    handler.head(200, len(BODY))
    handler.wfile.write(BODY)


def without_length(handler: Handler) -> None:
    handler.head(200, None)
    handler.wfile.write(BODY[:HALF])


def broken_chunks(handler: Handler) -> None:
    handler.protocol_version = "HTTP/1.1"
    handler.head(200, None, Transfer_Encoding="chunked")
    handler.wfile.write(b"%x\r\n%s\r\n%x\r\n%s" % (HALF, BODY[:HALF], 1000, BODY[HALF:][:3]))


def wrong_piece(handler: Handler) -> None:
    handler.head(206, len(BODY), Content_Range=f"bytes 0-{len(BODY) - 1}/{len(BODY)}")
    handler.wfile.write(BODY)


whole = sends(BODY)
truncated = sends(BODY, HALF)
damaged = sends(BODY[:HALF] + bytes([BODY[HALF] ^ 1]) + BODY[HALF + 1 :])


@contextlib.contextmanager
def serving() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.over.set()
            server.shutdown()
            thread.join()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "images.gz"


def patience(waits: list[float] | None = None, retries: int = 2, timeout: float = 20) -> Patience:
    return Patience(timeout, retries, (waits if waits is not None else []).append)


def left(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir())


def test_a_file_arrives_whole_and_alone(server: Server, target: Path) -> None:
    seen: list[tuple[int, int]] = []
    got = fetch([server.url()], target, CONTENT, progress=lambda *done: seen.append(done))
    assert got == target
    assert target.read_bytes() == BODY
    assert left(target) == ["images.gz"]
    assert seen[-1] == (len(BODY), len(BODY))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert server.ranges() == [None]


def test_an_existing_file_is_not_asked_for(server: Server, target: Path) -> None:
    target.parent.mkdir()
    target.write_bytes(b"here")
    assert fetch([server.url()], target, CONTENT).read_bytes() == b"here"
    assert server.requests == []


def test_an_uncompressed_target_is_checked_as_it_is(server: Server, tmp_path: Path) -> None:
    server.script["/f"] = [sends(PLAIN, 1000), sends(PLAIN)]
    got = fetch([server.url()], tmp_path / "images", CONTENT, patience())
    assert got.read_bytes() == PLAIN
    assert server.ranges() == [None, "bytes=1000-"]


@pytest.mark.parametrize(
    "first",
    [
        truncated,
        without_length,
        broken_chunks,
        sends(BODY, HALF, then=stalls),
    ],
    ids=["truncated", "without-length", "broken-chunks", "stalled"],
)
def test_a_good_beginning_is_carried_on(first: Reply, server: Server, target: Path) -> None:
    server.script["/f"] = [first]
    fetch([server.url()], target, CONTENT, patience(timeout=0.3))
    assert target.read_bytes() == BODY
    start, resumed, *_ = server.ranges()
    assert start is None
    assert resumed is not None and HALF <= int(resumed[6:-1]) <= HALF + 3  # the broken chunk's 3
    assert left(target) == ["images.gz"]


@settings(max_examples=15, deadline=None)
@given(cuts=st.lists(st.just(0) | st.integers(2, len(BODY) - 1), max_size=4))
def test_any_series_of_truncations_ends_in_the_file(cuts: list[int]) -> None:
    # one byte alone is half of gzip's magic number and not worth keeping
    with serving() as server, tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "images.gz"
        server.script["/f"] = [sends(BODY, cut) for cut in cuts]
        fetch([server.url()], target, CONTENT, patience(retries=len(cuts)))
        assert target.read_bytes() == BODY
        sent, expected = 0, []
        for cut in [*cuts, len(BODY)]:
            expected.append(f"bytes={sent}-" if sent else None)
            sent = min(sent + cut, len(BODY))
            if sent == len(BODY):
                break
        assert server.ranges() == expected


def test_a_server_that_never_answers_is_left_for_the_next(server: Server, target: Path) -> None:
    server.script["/dead"] = [stalls, stalls]
    waits: list[float] = []
    urls = [server.url("/dead"), server.url("/alive")]
    fetch(urls, target, CONTENT, patience(waits, retries=1, timeout=0.4))
    assert target.read_bytes() == BODY
    assert [path for path, _ in server.requests] == ["/dead", "/dead", "/alive"]
    assert waits == [1.0]


def test_a_stall_is_ended_by_us_and_said(server: Server, target: Path) -> None:
    server.script["/f"] = [sends(BODY, HALF, then=stalls)]
    with pytest.raises(DownloadError, match=r"127\.0\.0\.1 stopped answering\)$"):
        fetch([server.url()], target, CONTENT, patience(retries=0, timeout=0.4))
    assert left(target) == ["images.gz.part"]


def test_a_server_that_ignores_ranges_starts_over(server: Server, target: Path) -> None:
    server.script["/f"] = [truncated, ignores_range]
    fetch([server.url()], target, CONTENT, patience())
    assert target.read_bytes() == BODY
    assert server.ranges() == [None, f"bytes={HALF}-"]


def test_another_piece_than_the_one_asked_for_is_refused(server: Server, target: Path) -> None:
    server.script["/f"] = [truncated, wrong_piece]
    with pytest.raises(DownloadError, match="another piece"):
        fetch([server.url()], target, CONTENT, patience(retries=1))
    assert left(target) == []
    fetch([server.url()], target, CONTENT, patience())
    assert target.read_bytes() == BODY
    assert server.ranges() == [None, f"bytes={HALF}-", None]


@pytest.mark.parametrize(
    "flaw",
    [
        damaged,
        sends(b"<html>log in</html>"),
        sends(gzip.compress(PLAIN[:-1])),
        sends(gzip.compress(PLAIN[::-1])),
        sends(gzip.compress(PLAIN + b"!")),
    ],
    ids=["damaged", "a-page", "shorter", "same-length", "longer"],
)
def test_wrong_bytes_are_asked_for_again_from_the_start(
    flaw: Reply, server: Server, target: Path
) -> None:
    server.script["/f"] = [flaw]
    fetch([server.url()], target, CONTENT, patience())
    assert target.read_bytes() == BODY
    assert server.ranges() == [None, None]


def test_wrong_bytes_for_ever_leave_nothing(server: Server, target: Path) -> None:
    server.script = {"/a": [damaged] * 2, "/b": [damaged] * 2}
    with pytest.raises(DownloadError, match=r"images.gz could not .*127\.0\.0\.1 sent .*; 127"):
        fetch([server.url("/a"), server.url("/b")], target, CONTENT, patience(retries=1))
    assert left(target) == []
    assert [path for path, _ in server.requests] == ["/a", "/a", "/b", "/b"]


def test_truncation_for_ever_leaves_the_beginning_only(server: Server, target: Path) -> None:
    server.script["/f"] = [sends(BODY, 100)] * 3
    waits: list[float] = []
    with pytest.raises(WorkError, match="only a part"):
        fetch([server.url()], target, CONTENT, patience(waits))
    assert left(target) == ["images.gz.part"]
    assert target.with_name("images.gz.part").read_bytes() == BODY[:300]
    assert waits == [1.0, 2.0]


def test_passing_errors_are_waited_out_with_growing_pauses(server: Server, target: Path) -> None:
    server.script["/f"] = [status(500), status(503), status(429)]
    waits: list[float] = []
    fetch([server.url()], target, CONTENT, patience(waits, retries=3))
    assert target.read_bytes() == BODY
    assert waits == [1.0, 2.0, 4.0]


def test_a_missing_file_sends_us_to_the_next_mirror_at_once(server: Server, target: Path) -> None:
    server.script["/gone"] = [status(404)]
    waits: list[float] = []
    fetch([server.url("/gone"), server.url("/here")], target, CONTENT, patience(waits))
    assert target.read_bytes() == BODY
    assert [path for path, _ in server.requests] == ["/gone", "/here"]
    assert waits == []


def test_the_next_mirror_carries_on_where_the_first_broke(server: Server, target: Path) -> None:
    server.script["/a"] = [truncated]
    fetch([server.url("/a"), server.url("/b")], target, CONTENT, patience(retries=0))
    assert target.read_bytes() == BODY
    assert server.requests == [("/a", None), ("/b", f"bytes={HALF}-")]


@pytest.mark.parametrize("stale", [b"x" * 1000, BODY + b"tail", BODY, b"x" * len(BODY) * 2])
def test_a_part_that_is_no_beginning_is_thrown_away(
    stale: bytes, server: Server, target: Path
) -> None:
    target.parent.mkdir()
    target.with_name("images.gz.part").write_bytes(stale)
    fetch([server.url()], target, CONTENT, patience())
    assert target.read_bytes() == BODY
    assert server.ranges() == [f"bytes={len(stale)}-", None]
    assert left(target) == ["images.gz"]


def test_a_shorter_copy_over_a_longer_part_keeps_no_tail(server: Server, target: Path) -> None:
    target.parent.mkdir()
    target.with_name("images.gz.part").write_bytes(BODY + b"tail")
    server.script["/f"] = [ignores_range]
    fetch([server.url()], target, CONTENT, patience(retries=0))
    assert target.read_bytes() == BODY


def test_a_bomb_is_unpacked_one_byte_too_far_and_no_further(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unpacked = 0

    class Counting(gzip.GzipFile):
        def read(self, size: int | None = -1) -> bytes:
            nonlocal unpacked
            block = super().read(size)
            unpacked += len(block)
            return block

    monkeypatch.setattr(download.gzip, "GzipFile", Counting)
    server.script["/f"] = [sends(gzip.compress(bytes(30_000_000)))]
    with pytest.raises(WorkError, match="other bytes than the known ones"):
        fetch([server.url()], target, CONTENT, patience(retries=0))
    assert unpacked == CONTENT.length + 1
    assert left(target) == []


def test_a_body_without_end_is_cut_off(server: Server, target: Path) -> None:
    arrived = 0

    def progress(done: int, total: int) -> None:
        nonlocal arrived
        arrived = done

    server.script["/f"] = [sends(bytes(10_000_000))]
    with pytest.raises(WorkError, match="more than the file can hold"):
        fetch([server.url()], target, CONTENT, patience(retries=0), progress)
    assert arrived <= CONTENT.longest_body
    assert left(target) == []


@pytest.mark.parametrize("plain", [b"", b"a", bytes(1000), PLAIN], ids=len)
def test_the_longest_body_has_room_for_stored_gzip(plain: bytes) -> None:
    assert len(gzip.compress(plain, compresslevel=0)) <= Content("", len(plain)).longest_body


def test_no_connection_is_said_in_a_sentence(target: Path) -> None:
    with serving() as server:
        url = server.url()
    with pytest.raises(WorkError, match=r"127\.0\.0\.1 cannot be reached \([^\[\]]+\)\)$"):
        fetch([url], target, CONTENT, patience(retries=0))


def test_a_server_without_a_certificate_is_refused(server: Server, target: Path) -> None:
    url = server.url().replace("http:", "https:")
    with pytest.raises(DownloadError, match="cannot be reached"):
        fetch([url], target, CONTENT, patience(retries=0, timeout=5))
    assert server.requests == []


def test_a_folder_that_cannot_be_made_is_said_with_the_mend(server: Server, target: Path) -> None:
    target.parent.write_bytes(b"a file, not a folder")
    with pytest.raises(WorkError, match=r"cannot be written .*DDPM_CACHE_DIR"):
        fetch([server.url()], target, CONTENT, patience())
    assert server.requests == []


def moved(to: str, code: int = 302) -> Reply:
    return lambda handler: handler.head(code, 0, Location=to)


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_file_that_has_moved_is_followed(code: int, server: Server, target: Path) -> None:
    server.script["/f"] = [moved("/elsewhere", code)]
    fetch([server.url()], target, CONTENT, patience(retries=0))
    assert target.read_bytes() == BODY
    assert [path for path, _ in server.requests] == ["/f", "/elsewhere"]


@pytest.mark.parametrize(
    "place",
    ["file:///etc/passwd", "ftp://127.0.0.1/f", "data:text/plain,x", "gopher://a/", "//["],
)
def test_no_server_sends_us_off_the_web(place: str, server: Server, target: Path) -> None:
    server.script["/f"] = [moved(place)]
    waits: list[float] = []
    with pytest.raises(DownloadError) as caught:
        fetch([server.url()], target, CONTENT, patience(waits, retries=0))
    assert "images.gz could not be downloaded" in str(caught.value)
    assert left(target) in ([], ["images.gz.part"])  # a part without a byte
    assert len(server.requests) == 1


def test_from_https_nobody_leads_us_to_where_others_can_listen() -> None:
    handler, message = download._Redirects(), Message()
    secret = urllib.request.Request("https://mirror.example/f")
    for place in ("http://mirror.example/f", "ftp://mirror.example/f"):
        with pytest.raises(download._TryError, match="where nothing is fetched from"):
            handler.redirect_request(secret, io.BytesIO(), 302, "", message, place)
    onwards = handler.redirect_request(
        secret, io.BytesIO(), 302, "", message, "https://other.example/f"
    )
    assert onwards is not None and onwards.full_url == "https://other.example/f"


def test_a_circle_of_redirects_ends(server: Server, target: Path) -> None:
    server.script["/f"] = [moved("/f")] * 50
    with pytest.raises(DownloadError, match="answered 302"):
        fetch([server.url()], target, CONTENT, patience(retries=0))
    assert len(server.requests) <= 11


def says_length(length: str) -> Reply:
    """The whole file under a false length."""

    def reply(handler: Handler) -> None:
        handler.head(200, None, Content_Length=length)
        handler.wfile.write(BODY)

    return reply


@pytest.mark.parametrize(
    "length", ["-5", "many", "", "1e9", "0x10", str(10**30), str(len(BODY) + 1)]
)
def test_a_false_length_costs_at_most_another_try(
    length: str, server: Server, target: Path
) -> None:
    server.script["/f"] = [says_length(length)]
    fetch([server.url()], target, CONTENT, patience(retries=2))
    assert target.read_bytes() == BODY
    assert left(target) == ["images.gz"]


def test_a_length_that_is_too_short_is_carried_on(server: Server, target: Path) -> None:
    server.script["/f"] = [says_length(str(HALF))]
    fetch([server.url()], target, CONTENT, patience(retries=1))
    assert target.read_bytes() == BODY
    assert server.ranges() == [None, f"bytes={HALF}-"]


@pytest.mark.parametrize(
    "answer",
    [b"", b"\0" * 100, b"HTTP/1.1\r\n\r\n", b"HTTP/1.1 999999 no\r\n\r\n", b"220 ftp ready\r\n",
     b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n", b"HTTP/1.1 200 OK\r\nX: " + b"y" * 10**5],
)  # fmt: skip
def test_an_answer_that_is_no_http_is_said(answer: bytes, server: Server, target: Path) -> None:
    server.script["/f"] = [lambda handler: handler.wfile.write(answer)]
    with pytest.raises(DownloadError, match=r"127\.0\.0\.1 (broke|sent|answered|stopped)"):
        fetch([server.url()], target, CONTENT, patience(retries=0, timeout=5))


def test_the_proxy_of_the_environment_is_asked(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", server.url("/"))
    fetch(["http://images.invalid/f"], target, CONTENT, patience(retries=0))
    assert target.read_bytes() == BODY
    assert [path for path, _ in server.requests] == ["http://images.invalid/f"]


def test_offline_the_way_out_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that is not there stands for no network at all."""
    with serving() as server:
        gone = server.url("/")
    monkeypatch.setenv("https_proxy", gone)

    def once(urls: Sequence[str], target: Path, content: Content) -> Path:
        return fetch(urls, target, content, patience(retries=0))

    with pytest.raises(DownloadError) as caught:
        locate("mnist", data_dir=None, cache_dir=tmp_path, fetch=once)
    said = str(caught.value)
    assert said.count("cannot be reached") == 2 and "\n" not in said
    assert "run the command again when online, or put the four files" in said
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.stat().st_size]


def test_two_at_once_both_get_the_file(server: Server, target: Path) -> None:
    together = threading.Barrier(2, timeout=60)

    def half_then_wait(handler: Handler) -> None:
        rest = range_head(handler, BODY)
        handler.wfile.write(rest[:HALF])
        handler.wfile.flush()
        together.wait()
        handler.wfile.write(rest[HALF:])

    server.script["/f"] = [half_then_wait, half_then_wait]
    failures: list[BaseException] = []

    def work() -> None:
        try:
            fetch([server.url()], target, CONTENT, patience())
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert target.read_bytes() == BODY
    assert left(target) == ["images.gz"]


CHILD = """
import sys
from pathlib import Path
from ddpm.data.download import Content, fetch
url, target, sha256, length = sys.argv[1:]
fetch([url], Path(target), Content(sha256, int(length)), progress=lambda *d: print(*d, flush=True))
"""


def test_killed_midway_only_the_part_stays_and_is_carried_on(server: Server, target: Path) -> None:
    server.script["/f"] = [sends(BODY, HALF, then=stalls)]
    arguments = [server.url(), str(target), CONTENT.sha256, str(CONTENT.length)]
    command = [sys.executable, "-c", CHILD, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for line in child.stdout:
            if int(line.split()[0]) == HALF:
                break
        child.kill()
    assert left(target) == ["images.gz.part"]
    assert target.with_name("images.gz.part").read_bytes() == BODY[:HALF]
    fetch([server.url()], target, CONTENT, patience())
    assert target.read_bytes() == BODY
    assert server.ranges() == [None, f"bytes={HALF}-"]
    assert left(target) == ["images.gz"]
