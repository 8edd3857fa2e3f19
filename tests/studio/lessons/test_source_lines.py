"""Source lines shown beside equations."""

from pathlib import Path

import pytest

import ddpm
from ddpm.diffusion.process import add_noise
from ddpm.studio.lessons.source_lines import source_line


def test_file_and_number_point_at_the_line():
    found = source_line(add_noise, "signal * x0")
    text = (Path(ddpm.__file__).parent / found["file"]).read_text("utf-8").splitlines()
    assert text[found["line"] - 1].strip() == found["code"]


def test_a_missing_fragment_is_an_error():
    with pytest.raises(LookupError, match="add_noise"):
        source_line(add_noise, "no such text")
