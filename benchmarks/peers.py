"""The peers' own environment, `.venv-peers`: built once from requirements-peers.txt, never part of ours.

python -m benchmarks.peers      # builds it; the other benchmarks do so by themselves
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
SAME = ("torch", "numpy")  # in both environments, in one version
INDEX = "https://download.pytorch.org/whl/{}"  # of torch's builds that PyPI does not have
BUILDS = re.compile(r"cpu|cu\d+")  # those it has, as they are named behind a version's plus sign
NO_DEPS = "# no-deps"
TORCHVISION = ("transforms", "utils")  # what denoising-diffusion-pytorch imports of it


def peers_python() -> Path:
    """The peers' interpreter; its environment is built first where it is missing or out of date."""
    python = VENV / ("Scripts" if os.name == "nt" else "bin") / "python"
    # a stamp knows no build of torch: `matching.check_torch` refuses another than ours
    stamp = VENV / ".built"
    wanted = re.sub(r"\+\w+", "", "\n".join(map(" ".join, pip_arguments())))
    if not stamp.is_file() or stamp.read_text("utf-8") != wanted:
        say(f"building {VENV.name}: another torch of {metadata.version('torch')} and the peers")
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=True)
        for arguments in pip_arguments():
            subprocess.run(
                [str(python), "-m", "pip", "install", "--quiet", *index_arguments(), *arguments],
                check=True,
            )
        stamp.write_text(wanted, "utf-8")
    return python


def pip_arguments() -> list[list[str]]:
    """What is handed to `pip install`, call by call; of torch the very build that ours is."""
    same = []
    for name in SAME:
        version, _, build = metadata.version(name).partition("+")
        same.append(f"{name}=={version}" + (f"+{build}" if BUILDS.fullmatch(build) else ""))
    with_deps, without = requirements(REQUIREMENTS.read_text("utf-8"))
    return [[*same, *with_deps], ["--no-deps", *without]]


def index_arguments() -> list[str]:
    """Where `pip install` finds our build of torch, unless it is PyPI's."""
    build = metadata.version("torch").partition("+")[2]
    return ["--extra-index-url", INDEX.format(build)] if BUILDS.fullmatch(build) else []


def requirements(text: str) -> tuple[list[str], list[str]]:
    """The lines of a requirements file: those installed with what they ask for, and those without."""
    lines = [line for line in text.splitlines() if line.partition("#")[0].strip()]
    split: tuple[list[str], list[str]] = ([], [])
    for line in lines:
        split[NO_DEPS in line].append(line.partition("#")[0].strip())
    return split


def stub_torchvision() -> None:
    """Where torchvision cannot be imported, empty modules of its name, in this process alone.

    A torchvision of another build than torch raises RuntimeError, not ImportError.
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
