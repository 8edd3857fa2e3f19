"""Folders below the roots given at the start, and no others."""

from __future__ import annotations

from pathlib import Path

import pytest

from ddpm.studio.allowed_folders import AllowedFolders
from ddpm.studio.refusals import RefusalError


@pytest.fixture
def root(workplace: Path) -> Path:
    """faces/ with two folders, three images, a hidden folder and a link out of it; secret/ beside it."""
    root = workplace / "faces"
    for folder in (root / "a" / "deep", root / "b", root / ".hidden", workplace / "secret"):
        folder.mkdir(parents=True)
    for name in ("1.png", "2.JPG", "a/3.png", "notes.txt", ".4.png"):
        (root / name).write_bytes(b"")
    (root / "out").symlink_to(workplace / "secret", target_is_directory=True)
    return root


def test_a_listing_names_folders_and_counts_images(root: Path) -> None:
    folders = AllowedFolders([root])
    assert folders.rows() == [{"id": "0", "name": "faces"}]
    found = folders.listing("0", "")
    assert found["path"] == "" and found["images"] == 2
    assert set(found["folders"]) == {"a", "b", "out"}
    assert folders.listing("0", "a") == {"path": "a", "folders": ["deep"], "images": 1}
    assert folders.folder("0", "a/deep") == root / "a" / "deep"


@pytest.mark.parametrize(
    "path",
    ["..", "../secret", "a/../../secret", "out", "a//deep", "/etc", "/", ".", "C:", "a\\deep", "a\0b",
     "1.png", "x" * 5000],
)  # fmt: skip
def test_nothing_leads_out_of_a_root(path: str, root: Path) -> None:
    with pytest.raises(RefusalError) as error:
        AllowedFolders([root]).listing("0", path)
    assert error.value.status == 404


@pytest.mark.parametrize("id", ["", "1", "-1", "faces", "../secret"])
def test_a_root_is_named_by_its_id(id: str, root: Path) -> None:
    with pytest.raises(RefusalError):
        AllowedFolders([root]).listing(id, "")
    assert AllowedFolders([]).rows() == []
