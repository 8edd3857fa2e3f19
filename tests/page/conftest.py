"""Fixtures for the studio's page: one real server, a trained run, and Chromium driven by Playwright."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("fastapi", reason="the extra `studio` is not installed")

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from ddpm.runs import RunFolder

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser") if (path := shutil.which(name))), None
)
SWITCHES = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
BROWSER_ITSELF = ("chrome://", "chrome-extension://")  # what shows a PDF inside Chromium
WIDE, PHONE = (1280, 900), (360, 740)
PATIENCE = 30_000  # milliseconds; the machine may be busy
RUN = "small"
TRAIN = (
    "train", "digits", "--steps", "40", "--set", "network.channels=16",
    "--set", "training.preview_every=10", "--set", "training.warmup=5",
)  # fmt: skip

# Sums the layout shifts that no input caused (Layout Instability, section 2.3).
COUNT_SHIFTS = """
window.shifts = 0;
new PerformanceObserver((list) => list.getEntries().forEach((entry) => {
  if (!entry.hadRecentInput) window.shifts += entry.value;
})).observe({type: "layout-shift", buffered: true});
"""


@dataclass
class StudioProcess:
    """A `ddpm studio` process and the address that it printed."""

    process: subprocess.Popen[str]
    address: str
    runs: Path

    @property
    def base(self) -> str:
        """The address without the token."""
        parts = urlsplit(self.address)
        return f"{parts.scheme}://{parts.netloc}/"

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


def start_studio(runs: Path, *words: str) -> StudioProcess:
    """Start the server on a free port."""
    command = [sys.executable, "-m", "ddpm", "studio", str(runs), "--no-browser", "--port", "0"]
    process = subprocess.Popen(
        [*command, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        cwd=runs.parent,
    )
    assert process.stdout is not None
    address = process.stdout.readline().strip()
    assert address.startswith("http://127.0.0.1:"), address
    return StudioProcess(process, address, runs)


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    """A runs folder with one small run, trained by the command line."""
    folder = tmp_path_factory.mktemp("page") / "runs"
    folder.mkdir()
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "DDPM_CACHE_DIR": str(cache)}
    command = [sys.executable, "-m", "ddpm", *TRAIN, "--out", str(folder / RUN)]
    subprocess.run(command, check=True, capture_output=True, env=environment, cwd=folder.parent)
    run = RunFolder(folder / RUN)
    for step in (20, 30):  # a slow machine leaves previews out
        if not run.preview(step).exists():
            shutil.copy(run.preview(10), run.preview(step))
    return folder


@pytest.fixture(scope="session")
def studio(runs: Path) -> Iterator[StudioProcess]:
    """One server for all tests of the page."""
    server = start_studio(runs)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the studio may read, with a folder of 40 pictures inside."""
    folder = tmp_path_factory.mktemp("pictures") / "album"
    (folder / "faces").mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 256, (40, 8, 8), dtype=np.uint8)
    for number, picture in enumerate(pixels):
        Image.fromarray(picture).save(folder / "faces" / f"{number}.png")
    return folder


@pytest.fixture(scope="session")
def workshop(
    tmp_path_factory: pytest.TempPathFactory,
    runs: Path,
    album: Path,
    make_run: Callable[..., Path],
) -> Iterator[StudioProcess]:
    """A server for tests that change its runs: a trained one, and two that can be handed in."""
    folder = tmp_path_factory.mktemp("workshop") / "runs"
    shutil.copytree(runs / RUN, folder / RUN)
    for name, shape in (("mnist", (1, 28, 28)), ("faces", (3, 64, 64))):
        shutil.copytree(make_run(name, shape), folder / name)
    server = start_studio(folder, "--allow", str(album))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, one for each test file, so that no event loop is left running for other tests."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        expect.set_options(timeout=PATIENCE)
        yield browser
        browser.close()


@dataclass
class Reader:
    """Opens views of one server, and notes what a page must never do."""

    browser: Browser
    server: StudioProcess
    contexts: list[BrowserContext] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)  # foreign requests, errors in the console
    sent: dict[str, int] = field(default_factory=dict)  # bytes of page files by address

    def open(
        self,
        view: str,
        *,
        look: str = "light",
        size: tuple[int, int] = WIDE,
        before: Callable[[Page], Any] | None = None,
        **options: Any,
    ) -> Page:
        """Return the page at `#/view`, in a browser that knows the token."""
        context = self.browser.new_context(
            viewport={"width": size[0], "height": size[1]}, color_scheme=look, **options
        )
        self.contexts.append(context)
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.add_init_script(COUNT_SHIFTS)
        page.on("request", lambda request: self._note_request(request.url))
        page.on("response", self._note_response)
        page.on("pageerror", lambda error: self.problems.append(f"{error}\n{error.stack}"))
        page.on("console", lambda line: self._note_console(line.type, line.text))
        if before:
            before(page)
        page.goto(self.server.address)
        page.goto(f"{self.server.base}#/{view}")
        page.locator("main[aria-busy=false]").wait_for()
        return page

    def _note_request(self, url: str) -> None:
        if not url.startswith((self.server.base, "blob:", *BROWSER_ITSELF)):
            self.problems.append(f"request to {url}")

    def _note_response(self, response: Any) -> None:
        kind = response.headers.get("content-type", "")
        if response.url.startswith(f"{self.server.base}page/") and "image" not in kind:
            self.sent[response.url] = int(response.headers.get("content-length", 0))

    def _note_console(self, kind: str, text: str) -> None:
        if kind == "error" and "Failed to load resource" not in text:  # answers such as 404
            self.problems.append(text)

    def close(self) -> None:
        for context in self.contexts:
            context.close()


@contextmanager
def reading(browser: Browser, server: StudioProcess) -> Iterator[Reader]:
    """Give a reader; afterwards no request has left the host and no script has failed."""
    reader = Reader(browser, server)
    try:
        yield reader
        assert reader.problems == []
    finally:
        print(*reader.problems, sep="\n")  # pytest shows it if the test fails
        reader.close()


@pytest.fixture
def reader(browser: Browser, studio: StudioProcess) -> Iterator[Reader]:
    """A reader of the session's server."""
    with reading(browser, studio) as reader:
        yield reader


@pytest.fixture
def worker(browser: Browser, workshop: StudioProcess) -> Iterator[Reader]:
    """A reader of the server whose runs tests may change."""
    with reading(browser, workshop) as reader:
        yield reader


@pytest.fixture
def empty_reader(browser: Browser, tmp_path: Path) -> Iterator[Reader]:
    """A reader of a server whose folder holds no run."""
    server = start_studio(tmp_path / "runs")
    try:
        with reading(browser, server) as reader:
            yield reader
    finally:
        server.stop()
