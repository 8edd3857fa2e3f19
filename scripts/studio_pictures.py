"""Take the pictures of the studio in docs/studio.md and the README: a real server, a trained run, Chromium.

    python scripts/studio_pictures.py docs/images [RUNS_DIR]

Without RUNS_DIR a model is trained on the bundled digits first, which takes about two minutes.
"""

from __future__ import annotations

import io
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

SIZE = (1120, 800)
PHONE = (360, 720)
PATIENCE = 120_000  # milliseconds


def draw(page: Page) -> None:
    """Draw, and go back to the middle of the reverse process."""
    page.get_by_role("button", name="Draw", exact=True).click()
    page.locator('a[href$="grid.png"]').wait_for()
    for _ in range(3):
        page.get_by_role("button", name="Step back").click()


def compare(page: Page) -> None:
    """Draw with both models."""
    page.get_by_role("button", name="Draw", exact=True).click()
    page.get_by_role("group", name="Command for digits").nth(1).wait_for()
    page.get_by_role("group", name="Working now").get_by_text("idle").wait_for()


def wait(page: Page) -> None:
    """Wait for curves and pictures."""
    page.locator("main img:visible, main canvas:visible").first.wait_for()


# name of the picture → (view, what to do there, size, look)
PICTURES: dict[str, tuple[str, Callable[[Page], None], tuple[int, int], str]] = {
    "studio-draw": ("draw?model=bundled:mnist", draw, SIZE, "light"),
    "studio-run": ("run?id=digits", wait, SIZE, "light"),
    "studio-understand": ("understand?tab=reverse&model=run:digits", wait, SIZE, "light"),
    "studio-compare": ("compare?models=run:digits,bundled:digits", compare, SIZE, "dark"),
    "studio-phone": ("draw?model=bundled:mnist&n=16", draw, PHONE, "dark"),
}


def main(folder: Path, runs: Path | None = None) -> None:
    """Write all pictures into a folder."""
    with tempfile.TemporaryDirectory() as workplace:
        runs = runs or Path(workplace, "runs")
        if not runs.exists():
            train = [sys.executable, "-m", "ddpm", "train", "digits", "--out", str(runs / "digits")]
            subprocess.run(train, check=True)
        command = [sys.executable, "-m", "ddpm", "studio", str(runs), "--no-browser", "--port", "0"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            try:
                take_all(server.stdout.readline().strip(), folder)
            finally:
                server.send_signal(signal.SIGINT)


def take_all(address: str, folder: Path) -> None:
    """Open every view of PICTURES and save what it shows."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for name, (view, act, (width, height), look) in PICTURES.items():
            context = browser.new_context(
                viewport={"width": width, "height": height},
                color_scheme="dark" if look == "dark" else "light",
            )
            context.set_default_timeout(PATIENCE)
            page = context.new_page()
            page.goto(address)
            page.goto(f"{address.partition('?')[0]}#/{view}")
            act(page)
            page.evaluate("scrollTo(0, 0)")
            page.wait_for_timeout(1500)  # the last frame is decoded and painted
            save(page.screenshot(), folder / f"{name}.png")
            context.close()
        browser.close()


def save(content: bytes, path: Path) -> None:
    """Save a screenshot as small as PNG can hold it."""
    with Image.open(io.BytesIO(content)) as picture:
        picture.convert("RGB").save(path, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)
