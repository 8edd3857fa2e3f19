"""The peers' own environment, `.venv-peers`: built once from requirements-peers.txt, never part of ours.

python -m benchmarks.peers      # builds it; the other benchmarks do so by themselves
"""

from __future__ import annotations

import os
import subprocess
import sys
import types
from importlib import import_module, metadata
from pathlib import Path

from benchmarks.machine import ROOT, say

VENV = ROOT / ".venv-peers"
REQUIREMENTS = Path(__file__).with_name("requirements-peers.txt")
SAME = ("torch", "numpy")  # in both environments, in one version
NO_DEPS = "# no-deps"
TORCHVISION = ("transforms", "utils")  # what denoising-diffusion-pytorch imports of it


def peers_python() -> Path:
    """The peers' interpreter; its environment is built first where it is missing or out of date."""
    python = VENV / ("Scripts" if os.name == "nt" else "bin") / "python"
    stamp, wanted = VENV / ".built", "\n".join(map(" ".join, pip_arguments()))
    if not stamp.is_file() or stamp.read_text("utf-8") != wanted:
        say(f"building {VENV.name}: another torch of {metadata.version('torch')} and the peers")
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=True)
        for arguments in pip_arguments():
            subprocess.run([str(python), "-m", "pip", "install", "--quiet", *arguments], check=True)
        stamp.write_text(wanted, "utf-8")
    return python


def pip_arguments() -> list[list[str]]:
    """What is handed to `pip install`, call by call."""
    same = [f"{name}=={metadata.version(name).split('+')[0]}" for name in SAME]
    with_deps, without = requirements(REQUIREMENTS.read_text("utf-8"))
    return [[*same, *with_deps], ["--no-deps", *without]]


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
