"""Names and files of the bundled weights."""

from __future__ import annotations

import subprocess
import sys

from ddpm.loading.bundled import bundled_file, bundled_name, bundled_names
from ddpm.models.spec import read_spec


def test_every_name_has_a_weights_file() -> None:
    assert {"digits", "mnist"} <= set(bundled_names())
    for name in bundled_names():
        with bundled_file(name) as path:
            assert read_spec(path).image_shape[1] >= 8


def test_a_name_is_bundled_with_and_without_the_prefix() -> None:
    assert bundled_name("mnist") == bundled_name("bundled:mnist") == "mnist"
    assert bundled_name("bundled:other") is None and bundled_name("") is None


def test_names_need_no_torch() -> None:
    code = (
        "import sys, ddpm.loading.bundled as b; b.bundled_names(); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
