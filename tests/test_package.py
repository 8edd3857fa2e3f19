"""The wheel, installed into an environment without the checkout, holds all that `ddpm demo` needs."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MEBIBYTE = 2**20
SHORT_DEMO = """
from dataclasses import replace
from ddpm import presets
from ddpm.cli import main

digits = presets.PRESETS["digits"]
training = replace(digits.config.training, steps=2)
presets.PRESETS["digits"] = replace(digits, config=replace(digits.config, training=training))
raise SystemExit(main(["demo", "--device", "cpu"]))
"""


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """Run a program and return its output; AssertionError with what it said where it fails."""
    done = subprocess.run(
        [*map(str, command)],
        cwd=cwd,
        env={**{k: v for k, v in os.environ.items() if k != "PYTHONPATH"}, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the sdist and the wheel that is built from it, without the network."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    return folder


def test_an_installed_wheel_runs_the_demo(packages: Path, tmp_path: Path) -> None:
    """The environment is empty but for the packages that ddpm depends on, which come from this one."""
    (wheel,) = packages.glob("*.whl")
    environment = tmp_path / "environment"
    run(sys.executable, "-m", "venv", "--without-pip", environment, cwd=tmp_path)
    scripts = environment / ("Scripts" if os.name == "nt" else "bin")
    pip = (sys.executable, "-m", "pip", "--python", scripts / "python")
    run(
        *pip,
        "install",
        "--no-index",
        "--no-deps",
        "--disable-pip-version-check",
        wheel,
        cwd=tmp_path,
    )
    site = run(
        scripts / "python",
        "-c",
        "import sysconfig; print(sysconfig.get_path('purelib'))",
        cwd=tmp_path,
    )
    ours = [folder for folder in sys.path if folder.endswith("site-packages")]
    Path(site.strip(), "dependencies.pth").write_text("\n".join(ours), "utf-8")

    home = run(scripts / "python", "-c", "import ddpm; print(ddpm.__file__)", cwd=tmp_path)
    assert Path(home.strip()).is_relative_to(environment)
    assert "ddpm-studio" in run(scripts / "ddpm", "--version", cwd=tmp_path)
    run(scripts / "python", "-c", SHORT_DEMO, cwd=tmp_path, DDPM_CACHE_DIR=str(tmp_path / "cache"))
    pictures = {path.name for path in (tmp_path / "runs" / "demo").glob("*.*")}
    assert {"loss.png", "samples.png", "denoising.gif"} <= pictures


def test_the_wheel_holds_the_package_alone(packages: Path) -> None:
    (wheel,) = packages.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"ddpm", "ddpm_studio"}
    assert any(name.endswith("weights/mnist.safetensors") for name in names)


def test_the_packages_stay_below_the_sizes_in_the_documents(packages: Path) -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    for pattern, kind in (("*.whl", "wheel"), ("*.tar.gz", "sdist")):
        (file,) = packages.glob(pattern)
        size = file.stat().st_size / MEBIBYTE
        (stated,) = (line for line in page.splitlines() if f"| {kind} |" in line)
        assert size < float(stated.split("|")[2].split()[0]) * 1.1, f"{kind}: {size:.1f} MiB"
