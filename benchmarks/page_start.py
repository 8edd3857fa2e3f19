"""Seconds from opening an exported page to its first image, in headless Chromium, from disk and offline.

python -m benchmarks.page_start mnist anime-small --rounds 5     # prints a table

It needs playwright and chromium. Each round is a new browser profile; the settings are those
of the page.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.results import markdown

CHROMIUM = "/usr/bin/chromium"
HEADER = ("model", "first image, median, s", "least, s", "most, s", "page, MB")


def first_image(browser: Any, page: Path) -> float:
    """Return the seconds from the start of the navigation to the mark of the first finished image."""
    context = browser.new_context(offline=True)
    view = context.new_page()
    view.goto(page.resolve().as_uri())
    found = view.evaluate(
        "() => new Promise((done) => new PerformanceObserver((list) => "
        "done(list.getEntries()[0].startTime)).observe({ type: 'mark', buffered: true }))"
    )
    context.close()
    return float(found) / 1000


def row(browser: Any, target: str, rounds: int, folder: Path) -> list[str]:
    """Return the row of one model, whose page is exported first."""
    from ddpm import export

    path = export(target, "page", folder / f"{target.replace(':', '-')}.html")
    seconds = [first_image(browser, path) for _ in range(rounds)]
    size = path.stat().st_size / 1e6
    times = [f"{value:.2f}" for value in (min(seconds), max(seconds))]
    return [target, f"**{statistics.median(seconds):.2f}**", *times, f"{size:.1f}"]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("targets", nargs="+", help="runs or bundled weights")
    parser.add_argument("--rounds", type=int, default=5, help="default: %(default)s")
    options = parser.parse_args()
    from playwright.sync_api import sync_playwright

    described = machine.describe(1)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        rows = [row(browser, each, options.rounds, Path(folder)) for each in options.targets]
        print(markdown(HEADER, rows))
        print(f"\nChromium {browser.version}, {options.rounds} rounds each.")
        browser.close()
    print(machine.line(described))


if __name__ == "__main__":
    main()
