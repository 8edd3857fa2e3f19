"""What the package hands on of itself, in a checkout and in an installed wheel."""

from __future__ import annotations

import ast
import shutil
import tomllib
from pathlib import Path

import pytest

from ddpm.commands.bundle.package_files import (
    NOTEBOOK,
    NOTICES,
    PACKAGE,
    package_code,
    shipped_file,
)
from ddpm.errors import RequestError

ROOT = Path(__file__).parents[3]


def test_the_code_is_every_python_file_and_nothing_else() -> None:
    code = package_code()
    assert {"ddpm/__init__.py", "ddpm/diffusion/samplers.py", "ddpm/cli/main.py"} <= code.keys()
    assert all(name.startswith("ddpm/") and name.endswith(".py") for name in code)
    assert code["ddpm/errors.py"] == (PACKAGE / "errors.py").read_bytes()
    for content in code.values():
        ast.parse(content)


@pytest.mark.parametrize("name", [NOTEBOOK, *NOTICES])
def test_a_wheel_holds_what_the_checkout_holds(name: str, tmp_path: Path) -> None:
    """pyproject.toml puts each file where an installed package looks for it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    forced = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    [source] = [path for path in forced if Path(path).name == name]
    installed = tmp_path / "site-packages" / forced[source]
    installed.parent.mkdir(parents=True)
    shutil.copy(ROOT / source, installed)
    found = shipped_file(name, tmp_path / "site-packages" / "ddpm")
    assert found == installed
    assert found.read_bytes() == shipped_file(name).read_bytes() == (ROOT / source).read_bytes()


def test_an_installation_without_them_says_so(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="lacks its LICENSE; install it again"):
        shipped_file("LICENSE", tmp_path / "ddpm")
