"""Libraries of the page: the bytes that VENDOR.json names, and nothing beside them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import ddpm

VENDOR = Path(ddpm.__file__).parent / "studio" / "page" / "vendor"
ABOUT = {"VENDOR.json", "LICENSES.txt"}


def test_vendored_files_have_their_hashes() -> None:
    rows = json.loads((VENDOR / "VENDOR.json").read_text("utf-8"))
    assert {path.name for path in VENDOR.iterdir()} == {*rows, *ABOUT}
    for name, row in rows.items():
        assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == row["sha256"], name
        assert row["version"]
        assert row["license"]
        assert row["package"] in (VENDOR / "LICENSES.txt").read_text("utf-8").lower()


def test_the_page_names_no_other_host() -> None:
    own = [path for path in VENDOR.parent.rglob("*.[jhc][sts]*") if path.parent != VENDOR]
    assert len(own) > 30
    for path in own:
        assert "https://" not in path.read_text("utf-8"), path
