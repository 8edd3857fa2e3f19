"""Inspection of data sets: counts, lists and a contact sheet."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from ddpm.commands.data.dataset_summaries import inspect_dataset, list_datasets, prepare_dataset

pytestmark = pytest.mark.usefixtures("workplace")


def test_inspection_counts_and_draws_a_contact_sheet() -> None:
    text = inspect_dataset("digits", Path("sheet.png"))
    assert "1797" in text and "8x8" in text and text.endswith("sheet.png")
    with Image.open("sheet.png") as picture:
        assert picture.width > 100
    assert "1797 given, 1753 used, 44 held out" in prepare_dataset(
        "digits", "auto", "auto", "full", False
    )
    assert "1797 given, 1797 used, 0 held out" in prepare_dataset(
        "digits", "auto", "auto", "full", True
    )
    assert "3x16x16" in prepare_dataset("digits", "16", "3", "full", False)
    listing = list_datasets()
    named = ("digits", "mnist", "anime", "hf:OWNER/NAME", "cache", "DDPM_DATA_DIR")
    assert all(name in listing for name in named)
