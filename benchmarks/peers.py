"""The environment of the peers, `.venv-peers`: built once from requirements-peers.txt, apart from ours.

python -m benchmarks.peers      # build it now; the other benchmarks do so when they need it
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import types
from importlib import import_module, metadata
from pathlib import Path

from benchmarks.machine import ROOT, say

VENV = ROOT / ".venv-peers"
REQUIREMENTS = Path(__file__).with_name("requirements-peers.txt")
INDEX = "https://download.pytorch.org/whl/{}"  # holds the builds of torch that PyPI lacks
BUILDS = re.compile(r"cpu|cu\d+")  # names of these builds, behind the plus sign of a version
NO_DEPS = "# no-deps"
TORCHVISION = ("transforms", "utils")  # what denoising-diffusion-pytorch imports from torchvision


def peers_python() -> Path:
    """Return the interpreter of the peers' environment, after building it if it is missing or out of date.

    Raises SystemExit if a package cannot be installed.
    """
    python = VENV / ("Scripts" if os.name == "nt" else "bin") / "python"
    stamp = (
        VENV / ".built"
    )  # names no build of torch: `matching.check_torch` refuses another than ours
    torch, *others, without_dependencies = pip_arguments()
    lines = [[*torch, *(word for call in others for word in call)], without_dependencies]
    wanted = re.sub(r"\+\w+", "", "\n".join(map(" ".join, lines)))
    if not stamp.is_file() or stamp.read_text("utf-8") != wanted:
        build(python)
        stamp.write_text(wanted, "utf-8")
    return python


def build(python: Path) -> None:
    """Create `.venv-peers` and install the peers, with a line of progress for each call of pip."""
    calls = pip_arguments()
    say(f"building {VENV.name} with torch {metadata.version('torch')} and the peers")
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=True)
    for number, arguments in enumerate(calls, 1):
        say(f"{number} of {len(calls)}: pip install {' '.join(arguments)}")
        if install(python, arguments):
            continue
        extra = index_arguments() if number == 1 else []
        if not extra or not install(python, [*extra, *arguments]):
            raise SystemExit(
                f"pip could not install {' '.join(arguments)}. Install it and {REQUIREMENTS.name} into "
                "another environment, and pass its interpreter as --peers-python."
            )


def install(python: Path, arguments: list[str]) -> bool:
    """Run `pip install` and return whether it succeeded. Its output, with progress bars, goes to stderr."""
    command = [str(python), "-m", "pip", "install", "--disable-pip-version-check", *arguments]
    return subprocess.run(command, stdout=sys.stderr.fileno(), check=False).returncode == 0


def pip_arguments() -> list[list[str]]:
    """Return the arguments of each call of `pip install`: torch alone first, in the build that we run on."""
    with_deps, without = requirements(REQUIREMENTS.read_text("utf-8"))
    torch, _, build = metadata.version("torch").partition("+")
    torch += f"+{build}" if BUILDS.fullmatch(build) else ""
    return [
        [f"torch=={torch}"],
        [f"numpy=={metadata.version('numpy')}", *with_deps],
        ["--no-deps", *without],
    ]


def index_arguments() -> list[str]:
    """Return pip's options for our build of torch if PyPI lacks it. They are for torch alone.

    An index that cannot be reached costs five retries for every package that pip looks up.
    """
    build = metadata.version("torch").partition("+")[2]
    return ["--extra-index-url", INDEX.format(build)] if BUILDS.fullmatch(build) else []


def requirements(text: str) -> tuple[list[str], list[str]]:
    """Return the lines of a requirements file: those to install with dependencies, and those without."""
    lines = [line for line in text.splitlines() if line.partition("#")[0].strip()]
    split: tuple[list[str], list[str]] = ([], [])
    for line in lines:
        split[NO_DEPS in line].append(line.partition("#")[0].strip())
    return split


def stub_torchvision() -> None:
    """Register empty modules as torchvision in this process if torchvision cannot be imported.

    A torchvision built for another torch raises RuntimeError, not ImportError.
    """
    try:
        import_module("torchvision")
    except (ImportError, RuntimeError):
        package = types.ModuleType("torchvision")
        sys.modules["torchvision"] = package
        for name in TORCHVISION:
            module = types.ModuleType(f"torchvision.{name}")
            sys.modules[module.__name__] = module
            setattr(package, name, module)


if __name__ == "__main__":
    print(peers_python())
