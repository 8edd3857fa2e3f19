"""Fetching one file with a known content: the only module of the package that opens the network.

What arrives is collected in ``NAME.part`` beside the target and carried on by the next try, or the
next run, with an HTTP range request (RFC 9110, section 14). Only bytes whose uncompressed content
has the known length and SHA-256 ever get the final name.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import http.client
import os
import re
import shutil
import tempfile
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, cast
from urllib.parse import urlsplit

from ddpm.errors import WorkError
from ddpm.files import remove_old

_BLOCK = 1 << 16
# Answers that may be different in a moment; any other 4xx sends us to the next mirror at once.
_PASSING_CLIENT_ERRORS = (408, 416, 425, 429)


@dataclass(frozen=True)
class Content:
    """What a file must hold once uncompressed; gzip wrappers differ between mirrors."""

    sha256: str  # in hexadecimal
    length: int  # in bytes; also the bound on what is ever unpacked

    @property
    def longest_body(self) -> int:
        """Bytes of the longest honest transfer: gzip adds at most 0.1 % and a header."""
        return self.length + self.length // 1000 + 4096


@dataclass(frozen=True)
class Patience:
    """How long to try. ``timeout`` bounds every wait for the network, in seconds."""

    timeout: float = 20.0
    retries: int = 2  # further tries at each mirror
    wait: Callable[[float], None] = time.sleep  # called with 1, 2, 4 … seconds between them


class DownloadError(WorkError):
    """No mirror delivered the file."""


class _TryError(Exception):
    """One try at one mirror failed.

    ``keep``: what has arrived may be a good beginning; ``retry``: this mirror may yet deliver.
    """

    def __init__(self, reason: str, *, keep: bool = True, retry: bool = True) -> None:
        super().__init__(reason)
        self.keep = keep
        self.retry = retry


def fetch(
    urls: Sequence[str],
    target: Path,
    content: Content,
    patience: Patience | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Bring the file at any of ``urls`` (mirrors, in order of preference) to ``target``.

    A target named ``*.gz`` stays compressed; its content is checked all the same. A target that
    exists is taken as it is: only checked bytes got that name. ``progress`` is called with the
    bytes that have arrived and the bytes there will be (0 where the server does not say). Raises
    ``DownloadError`` where no mirror delivers and ``WorkError`` where the folder cannot be written;
    then at most ``NAME.part`` is left.
    """
    patience = patience or Patience()
    part = target.with_name(target.name + ".part")
    reasons = []
    with _writing_in(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        for url in urls:
            try:
                return _fetch_from(url, target, part, content, patience, progress)
            except _TryError as failure:
                reasons.append(f"{urlsplit(url).hostname} {failure}")
    raise DownloadError(f"{target.name} could not be downloaded ({'; '.join(reasons)})")


def _fetch_from(
    url: str,
    target: Path,
    part: Path,
    content: Content,
    patience: Patience,
    progress: Callable[[int, int], None] | None,
) -> Path:
    """Try one mirror until it delivers, its tries are used up, or it says that it never will."""
    waits = [2.0**k for k in range(patience.retries)]
    while True:
        if target.exists():  # from an earlier run, or another process was quicker
            return target
        try:
            _receive(url, part, content.longest_body, patience.timeout, progress)
            return _publish(part, target, content)
        except FileNotFoundError:  # another process gave the file its name between two lines here
            if target.exists():
                return target
            raise
        except _TryError as failure:
            if not failure.keep:
                _discard(part)
            if not failure.retry or not waits:
                raise
        patience.wait(waits.pop(0))


def _receive(
    url: str,
    part: Path,
    longest: int,
    timeout: float,
    progress: Callable[[int, int], None] | None,
) -> None:
    """Add to ``part`` what is still missing, or all of it from a server that ignores ranges.

    Blocks are written at their own position, never appended, so that two processes at work on the
    same file write the same bytes to the same places.
    """
    part.touch()
    with part.open("r+b", buffering=0) as file:
        end = start = part.stat().st_size
        for position, total, block in _blocks(url, start, timeout):
            end = position + len(block)
            if end > longest:
                raise _TryError("sent more than the file can hold", keep=False)
            file.seek(position)
            file.write(block)
            if progress is not None:
                progress(end, total)
        file.truncate(end)  # a shorter second copy over a longer first one


def _blocks(url: str, start: int, timeout: float) -> Iterator[tuple[int, int, bytes]]:
    """Yield (position in the file, length of the file or 0, bytes) as they arrive.

    416 answers a ``start`` at or past the end: ``part`` is then no beginning of the file.
    """
    try:
        with _open(url, start, timeout) as response:
            position, total = _extent(response, start)
            while block := response.read1(_BLOCK):
                yield position, total, block
                position += len(block)
    except urllib.error.HTTPError as error:
        error.close()
        passing = error.code >= 500 or error.code in _PASSING_CLIENT_ERRORS
        reason = f"answered {error.code} {error.reason}"
        raise _TryError(reason, keep=error.code != 416, retry=passing) from error
    except TimeoutError as error:
        raise _TryError("stopped answering") from error
    except urllib.error.URLError as error:
        cause = getattr(error.reason, "strerror", None) or error.reason
        raise _TryError(f"cannot be reached ({cause})") from error
    except (OSError, http.client.HTTPException) as error:
        raise _TryError("broke the connection") from error
    except ValueError as error:  # an address or a length that is none
        raise _TryError("sent an answer that makes no sense", retry=False) from error


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows a mirror to another place on the web, but never from https to where anyone can listen."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        scheme = urlsplit(newurl).scheme
        if scheme != "https" and (scheme, req.type) != ("http", "http"):
            fp.close()
            raise _TryError(f"sent us on to {scheme}:, where nothing is fetched from", retry=False)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _open(url: str, start: int, timeout: float) -> http.client.HTTPResponse:
    """Ask for the file from byte ``start``; certificates are verified, as is urllib's default.

    The proxies are those of the environment (``https_proxy``, ``no_proxy``).
    """
    headers = {"User-Agent": "ddpm-studio"} | ({"Range": f"bytes={start}-"} if start else {})
    request = urllib.request.Request(url, headers=headers)
    opener = urllib.request.build_opener(_Redirects)
    return cast(http.client.HTTPResponse, opener.open(request, timeout=timeout))


def _extent(response: http.client.HTTPResponse, start: int) -> tuple[int, int]:
    """Where the body belongs in the file, and the length of the whole (0: unknown)."""
    if response.status != 206:  # the range was ignored: the whole file comes
        return 0, response.length or 0
    found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
    if found is None or int(found[1]) != start:
        raise _TryError("sent another piece than the one asked for", keep=False)
    return start, 0 if found[2] == "*" else int(found[2])


def _publish(part: Path, target: Path, content: Content) -> Path:
    """Check a private copy of ``part`` and give it the final name.

    A copy, because another process may still write to ``part``: the bytes that get the name are
    the very bytes that were checked.
    """
    remove_old(target.parent, f"{target.name}*.tmp")
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=target.name, suffix=".tmp")
    private = Path(name)
    try:
        with os.fdopen(handle, "w+b") as file:
            with part.open("rb") as source:
                shutil.copyfileobj(source, file, _BLOCK)
            file.seek(0)
            _check(file, content, compressed=target.suffix == ".gz")
            os.fsync(file.fileno())
        private.chmod(0o644)  # mkstemp's 0600 would lock other users out of a shared cache
        private.replace(target)
    finally:
        private.unlink(missing_ok=True)
    _sync_folder(target.parent)
    _discard(part)
    return target


def _discard(part: Path) -> None:
    with contextlib.suppress(PermissionError):  # Windows: another process has it open
        part.unlink(missing_ok=True)


def _check(file: BinaryIO, content: Content, *, compressed: bool) -> None:
    """Raise ``_TryError`` unless the content is the known one; never unpacks more than that."""
    digest, length = hashlib.sha256(), 0
    plain = cast(BinaryIO, gzip.GzipFile(fileobj=file)) if compressed else file
    try:
        while length <= content.length:
            block = plain.read(min(_BLOCK, content.length + 1 - length))
            if not block:
                break
            digest.update(block)
            length += len(block)
    except EOFError as error:
        raise _TryError("sent only a part of it") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise _TryError("sent damaged bytes", keep=False) from error
    if not compressed and length < content.length:
        raise _TryError("sent only a part of it")
    if length != content.length or digest.hexdigest() != content.sha256:
        raise _TryError("sent other bytes than the known ones", keep=False)


def _sync_folder(folder: Path) -> None:
    """Make the new name outlive a power cut, where folders can be opened (not on Windows)."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextlib.contextmanager
def _writing_in(folder: Path) -> Iterator[None]:
    """A disk that refuses, said in a sentence."""
    try:
        yield
    except OSError as error:
        raise WorkError(
            f"{folder} cannot be written ({error.strerror or error}): make room there or let "
            "DDPM_CACHE_DIR name another folder"
        ) from error
