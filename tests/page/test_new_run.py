"""New run: from a folder that is allowed, and from a zip that is dropped."""

from __future__ import annotations

import base64
import io
import re
import zipfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, expect

LONG = 90_000  # milliseconds for a training on a busy machine
DROP = """(place, text) => {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([bytes], "faces.zip", {type: "application/zip"}));
  place.dispatchEvent(new DragEvent("drop", {dataTransfer, bubbles: true, cancelable: true}));
}"""


def zipped(folder: Path) -> bytes:
    """Return the files of a folder as a zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in sorted(folder.iterdir()):
            archive.write(path, path.name)
    return buffer.getvalue()


def drop(place: Locator, content: bytes) -> None:
    """Drop a zip on a place of the page."""
    place.evaluate(DROP, base64.b64encode(content).decode())


def train(page: Page, name: str) -> None:
    """Start the training, wait for its first losses, and stop it."""
    page.get_by_label("Minutes").fill("1")
    page.get_by_label("Name of the run").fill(name)
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Run {name}", timeout=LONG)
    loss = page.get_by_role("img", name=re.compile(r"\d+ points: loss")).first
    expect(loss).to_be_visible(timeout=LONG)
    page.get_by_role("button", name="Stop training").click()
    state = page.get_by_role("region", name="State")
    expect(state.get_by_text("stopped", exact=True)).to_be_visible(timeout=LONG)


def test_a_folder_below_an_allowed_one_is_trained_on(worker: Any, album: Path) -> None:
    page = worker.open("new")
    page.get_by_role("radio", name=re.compile("A folder of pictures")).check()
    expect(page.get_by_role("button", name="Start training")).to_be_disabled()
    page.get_by_label("Allowed folder").select_option(label="album")
    page.get_by_role("button", name="faces", exact=True).click()
    expect(page.get_by_text("faces: 40 images")).to_be_visible()
    train(page, "from-folder")
    command = page.get_by_role("region", name="Commands").locator("code").first
    expect(command).to_contain_text("ddpm train folder --data faces")


def test_a_dropped_zip_is_trained_on(worker: Any, album: Path) -> None:
    page = worker.open("new")
    page.get_by_role("radio", name=re.compile("A zip of pictures")).check()
    place = page.get_by_text("Drop a zip of pictures")
    drop(place, b"PK is not enough")
    expect(page.get_by_role("alert")).to_contain_text("zip")
    drop(place, zipped(album / "faces"))
    expect(page.get_by_text("Uploaded: 40 images.")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)
    train(page, "from-zip")
