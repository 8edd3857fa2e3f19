"""Files of this package that a hand-in includes: code, license, citation, notebook.

They are found in a checkout and in an installed wheel, which holds the last three in `ddpm/shipped/`.
"""

from __future__ import annotations

from pathlib import Path

from ddpm.errors import RequestError

PACKAGE = Path(__file__).resolve().parents[2]
NOTEBOOK = "ddpm_practice.ipynb"
NOTICES = ("LICENSE", "CITATION.cff")


def package_code(package: Path = PACKAGE) -> dict[str, bytes]:
    """Return every .py file of the package by its name, such as `ddpm/data/pixels.py`."""
    files = sorted(package.rglob("*.py"))
    return {f"ddpm/{path.relative_to(package).as_posix()}": path.read_bytes() for path in files}


def shipped_file(name: str, package: Path = PACKAGE) -> Path:
    """Return the path of the notebook or one of the `NOTICES`; RequestError if it is not installed."""
    folders = [package / "shipped"]
    if package.parent.name == "src":  # a checkout
        checkout = package.parents[1]
        folders = [checkout, checkout / "notebooks", *folders]
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    raise RequestError(f"This installation of ddpm-studio lacks its {name}; install it again.")
