"""Uploads to a local stand-in of the Hub's HTTP interface."""

from __future__ import annotations

import base64
import http.server
import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ddpm.commands.export.hub_upload import check_repository, upload_folder
from ddpm.errors import RequestError, WorkError

COMMIT = "0" * 40


class Hub(http.server.BaseHTTPRequestHandler):
    """Accepts a new repository and commits to it; remembers what it was sent."""

    server: HubServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self.server.sent.append((self.path, body))
        if self.server.refuses:
            return self.answer({"error": "Invalid credentials"}, 401)
        if self.path == "/api/repos/create":
            return self.answer({"url": self.server.url + "/me/mine"})
        if "/preupload/" in self.path:
            files = json.loads(body)["files"]
            plan = [
                {"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in files
            ]
            return self.answer({"files": plan})
        return self.answer(
            {"commitUrl": f"{self.server.url}/me/mine/commit/{COMMIT}", "commitOid": COMMIT}
        )

    def do_GET(self) -> None:
        self.answer({"id": "me/mine", "sha": COMMIT, "siblings": []})

    def answer(self, values: dict[str, Any], status: int = 200) -> None:
        content = json.dumps(values).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


class HubServer(http.server.ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Hub)
        self.sent: list[tuple[str, str]] = []
        self.refuses = False
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    server = HubServer()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setenv("HF_TOKEN", "hf_test")
    yield server
    server.shutdown()
    server.server_close()


def test_every_file_of_the_folder_arrives(hub: HubServer, workplace: Path) -> None:
    folder = workplace / "mine"
    (folder / "unet").mkdir(parents=True)
    (folder / "README.md").write_text("# mine")
    (folder / "unet" / "weights.bin").write_bytes(b"\0\1")
    assert upload_folder(folder, "me/mine") == f"{hub.url}/me/mine"
    (create, commit) = (hub.sent[0], hub.sent[-1])
    assert create[0] == "/api/repos/create" and json.loads(create[1])["name"] == "mine"
    assert commit[0].startswith("/api/models/me/mine/commit/main")
    lines = [json.loads(line) for line in commit[1].splitlines()]
    files = {
        line["value"]["path"]: base64.b64decode(line["value"]["content"])
        for line in lines
        if line["key"] == "file"
    }
    assert files == {"README.md": b"# mine", "unet/weights.bin": b"\0\1"}


def test_a_refusal_is_one_sentence(hub: HubServer, workplace: Path) -> None:
    hub.refuses = True
    (workplace / "README.md").write_text("x")
    with pytest.raises(WorkError, match="could not be pushed to me/mine") as error:
        upload_folder(workplace, "me/mine")
    assert "\n" not in str(error.value) and "hf auth login" in str(error.value)


@pytest.mark.parametrize("name", ["mine", "me/", "/mine", "me/mine/more", "../x", "me/mi ne"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(RequestError, match="pass OWNER/NAME"):
        check_repository(name)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(RequestError, match="pip install huggingface_hub"):
        check_repository("me/mine")
