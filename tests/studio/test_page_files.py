"""Files of the page: served as they are, and no others."""

from __future__ import annotations

import hashlib
import json

import pytest

from ddpm.studio.gate import Gate
from ddpm.studio.page_files import FOLDER, page_files
from tests.studio.asgi import answer


def test_the_page_and_its_files_are_served(gate: Gate) -> None:
    page = answer(gate, "GET", "/")
    assert page.status == 200 and page.headers["content-type"].startswith("text/html")
    for name, path in page_files().items():
        found = answer(gate, "GET", f"/page/{name}")
        assert (found.status, found.body) == (200, path.read_bytes()), name


def test_a_file_that_has_not_changed_is_not_sent_again(gate: Gate) -> None:
    tag = answer(gate, "GET", "/page/app.js").headers["etag"]
    again = answer(gate, "GET", "/page/app.js", headers={"if-none-match": tag})
    assert (again.status, again.body) == (304, b"")
    assert again.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "name", ["../app.py", "../../runs.py", "/etc/passwd", "..%2fapp.py", "nothing.js", "", "page"]
)
def test_no_other_file_is_served(name: str, gate: Gate) -> None:
    assert answer(gate, "GET", f"/page/{name}").status == 404


def test_vendored_files_are_the_recorded_ones() -> None:
    folder = FOLDER / "vendor"
    recorded = json.loads((folder / "VENDOR.json").read_text("utf-8"))
    text = json.dumps(recorded)
    for path in folder.iterdir():
        if path.suffix in (".js", ".css"):
            assert hashlib.sha256(path.read_bytes()).hexdigest() in text, path.name
