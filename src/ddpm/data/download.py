"""Downloads of files with a known SHA-256: the only module of the package that opens the network."""

from __future__ import annotations

import contextlib
import http.client
import socket
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlsplit

from ddpm.errors import WorkError
from ddpm.files import TEMP_PREFIX, atomic_file, remove_stale_files

_TIMEOUT = 20.0  # seconds that any single answer of a server may take
_HANDLERS = (  # none for http, ftp or file: neither a URL nor a redirect can lead there
    urllib.request.ProxyHandler,  # https_proxy, no_proxy
    urllib.request.HTTPSHandler,  # verifies certificates
    urllib.request.HTTPRedirectHandler,
    urllib.request.HTTPDefaultErrorHandler,
    urllib.request.HTTPErrorProcessor,
    urllib.request.UnknownHandler,
)


class DownloadError(WorkError):
    """Failure of a download from every mirror."""


def download_file(urls: Sequence[str], target: Path, sha256: str) -> Path:
    """Download `target` from the first of the mirrors `urls` that delivers the file with this SHA-256.

    An existing target is returned without a check, because only verified files get that name. On a terminal
    a progress bar is shown. Raises DownloadError if no mirror delivers the file, and WorkError if the
    folder cannot be written.
    """
    from torch.hub import download_url_to_file

    if target.exists():
        return target
    failures = []
    for url in urls:
        try:
            with atomic_file(target) as temporary, _https_only():
                remove_stale_files(target.parent, f"{TEMP_PREFIX}*")
                download_url_to_file(url, str(temporary), sha256, progress=sys.stderr.isatty())
        except (URLError, http.client.HTTPException, ConnectionError, TimeoutError) as error:
            failures.append(f"{urlsplit(url).hostname}: {_one_line_reason(error)}")
        except RuntimeError:  # raised by download_url_to_file
            failures.append(f"{urlsplit(url).hostname}: the SHA-256 of the file differs")
        except OSError as error:
            raise WorkError(
                f"{target.parent} cannot be written ({error.strerror or error}). Free some disk space, or "
                "set DDPM_CACHE_DIR to another folder."
            ) from error
        else:
            return target
    raise DownloadError(f"{target.name} could not be downloaded ({'; '.join(failures)})")


@contextlib.contextmanager
def _https_only() -> Iterator[None]:
    """Restrict urllib, which torch.hub calls, to https, and set a timeout for slow servers."""
    opener = urllib.request.OpenerDirector()
    for handler in _HANDLERS:
        opener.add_handler(handler())
    previous, timeout = urllib.request._opener, socket.getdefaulttimeout()  # type: ignore[attr-defined]
    urllib.request.install_opener(opener)
    socket.setdefaulttimeout(_TIMEOUT)
    try:
        yield
    finally:
        urllib.request._opener = previous  # type: ignore[attr-defined]
        socket.setdefaulttimeout(timeout)


def _one_line_reason(error: Exception) -> str:
    """Return what went wrong in one line."""
    cause = getattr(error, "reason", error)  # URLError wraps the error of the socket
    return str(getattr(cause, "strerror", None) or cause or type(error).__name__).splitlines()[0]
