"""A real worker process answers; the peers' environment is asked for in the right words."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import peers
from benchmarks.process import Worker
from benchmarks.sides import Setup
from benchmarks.sides.ours import Ours
from benchmarks.worker import Bench
from ddpm.data.batches import Batches


def test_a_worker_trains_draws_saves_and_goes_on(tmp_path: Path) -> None:
    images, state = tmp_path / "images.npy", tmp_path / "state.pt"
    np.save(images, np.random.default_rng(0).integers(0, 256, (20, 1, 8, 8), np.uint8))
    setup = Setup("ours", network="digits", batch=4, threads=1, images=str(images))
    with Worker(setup) as worker:
        facts = worker.ask("facts")
        assert facts["parameters"] > 10_000
        assert facts["torch"] == torch.__version__ and facts["compiled"] is False
        assert facts["flops"] > 0
        assert worker.ask("train", seconds=0)["steps"] == 1
        worker.ask("save", file=str(state))
        after = worker.ask("train", seconds=0)["loss"]
        drawn = tmp_path / "drawn.npz"
        assert worker.ask("draw", n=3, steps=2, file=str(drawn))["n"] == 3
        memory = worker.ask("memory")
        assert memory["peak"] >= memory["base"] > 0
    assert np.load(drawn)["images"].shape == (3, 1, 8, 8)
    with Worker(setup) as worker:
        worker.ask("load", file=str(state))
        assert worker.ask("train", seconds=0)["loss"] == after  # the same second step
    with pytest.raises(SystemExit, match="process of ours has ended"):
        worker.ask("facts")


def test_our_batches_come_from_where_the_model_is(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[torch.device] = []
    monkeypatch.setattr(Batches, "move_to", lambda self, device: sent.append(device))
    images = torch.zeros(4, 1, 8, 8, dtype=torch.uint8)
    side = Ours(Setup("ours", network="digits", batch=2), images)
    assert sent == [side.model.device] and not side.compiled


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_peer_that_goes_on_draws_the_numbers_that_would_have_come(tmp_path: Path) -> None:
    """They come out of torch's own generator, which drawing in between must leave alone."""
    images, state = tmp_path / "images.npy", str(tmp_path / "state.pt")
    np.save(images, np.random.default_rng(0).integers(0, 256, (20, 1, 8, 8), np.uint8))
    setup = Setup("diffusers", batch=4, images=str(images))
    with torch.random.fork_rng():
        first, second = Bench(setup), Bench(setup)
        first.train(steps=2)
        first.save(state)
        first.draw(n=1, steps=2)
        losses = [first.train()["loss"] for _ in range(2)]
        second.load(state)
        assert [second.train()["loss"] for _ in range(2)] == losses


def test_what_needs_no_dependencies_is_installed_by_itself() -> None:
    with_deps, without = peers.requirements("# words\na==1\n\nb==2  # no-deps: it asks for c\n")
    assert (with_deps, without) == (["a==1"], ["b==2"])


@pytest.mark.parametrize(
    ("ours", "asked", "index"),
    [
        ("2.13.0", "2.13.0", []),
        ("2.13.0+cpu", "2.13.0+cpu", ["--extra-index-url", "https://download.pytorch.org/whl/cpu"]),
        ("2.13.0+cu130", "2.13.0+cu130", ["--extra-index-url", "https://download.pytorch.org/whl/cu130"]),
        ("2.13.0a0+git1234567", "2.13.0a0", []),  # built by hand: nobody has it
    ],
)  # fmt: skip
def test_the_peers_run_on_our_build_of_torch(
    monkeypatch: pytest.MonkeyPatch, ours: str, asked: str, index: list[str]
) -> None:
    monkeypatch.setattr(peers.metadata, "version", {"torch": ours, "numpy": "2.4.6"}.__getitem__)
    torch_alone, others, _ = peers.pip_arguments()
    assert torch_alone == [f"torch=={asked}"] and others[0] == "numpy==2.4.6"
    assert peers.index_arguments() == index


def test_the_peers_need_no_torchvision() -> None:
    *with_dependencies, last = peers.pip_arguments()
    assert last[0] == "--no-deps"
    assert any(name.startswith("denoising-diffusion-pytorch==") for name in last)
    names = [name for call in (*with_dependencies, last) for name in call]
    assert not any(name.startswith("torchvision") for name in names)


class Pip:
    """Stands in for `subprocess.run`: records the calls of pip; those with a word of `failing` fail."""

    def __init__(self, *failing: str) -> None:
        self.failing = failing
        self.calls: list[list[str]] = []

    def __call__(self, command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        if "install" not in command:
            return subprocess.CompletedProcess(command, 0)
        words = command[command.index("install") + 1 :]
        self.calls.append(words)
        failed = any(word in self.failing for word in words) and "--extra-index-url" not in words
        return subprocess.CompletedProcess(command, int(failed))


def build_peers(pip: Pip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "VENV", tmp_path)
    monkeypatch.setattr(peers.subprocess, "run", pip)
    versions = {"torch": "2.13.0+cpu", "numpy": "2.4.6"}
    monkeypatch.setattr(peers.metadata, "version", versions.__getitem__)
    peers.peers_python()


def test_the_index_of_torch_is_asked_for_torch_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    pip = Pip("torch==2.13.0+cpu")
    build_peers(pip, tmp_path, monkeypatch)
    (asked,) = [call for call in pip.calls if "--extra-index-url" in call]
    assert asked[-1] == "torch==2.13.0+cpu" and len(pip.calls) == 4
    assert "2 of 3: pip install numpy==2.4.6" in capfd.readouterr().err


def test_no_index_is_asked_where_a_local_wheel_of_torch_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pip = Pip()
    build_peers(pip, tmp_path, monkeypatch)
    assert len(pip.calls) == 3 and not any("--extra-index-url" in call for call in pip.calls)
    assert (tmp_path / ".built").is_file()


def test_a_package_that_cannot_be_installed_names_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SystemExit, match="--peers-python"):
        build_peers(Pip("--no-deps"), tmp_path, monkeypatch)
    assert not (tmp_path / ".built").exists()


def test_an_environment_that_is_built_is_taken_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one that was built before builds of torch were told apart."""
    monkeypatch.setattr(peers, "VENV", tmp_path)
    monkeypatch.setattr(
        peers.metadata, "version", {"torch": "2.13.0+cpu", "numpy": "2.4.6"}.__getitem__
    )
    monkeypatch.setattr(peers.subprocess, "run", lambda *_, **__: pytest.fail("built again"))
    first, second = peers.requirements(peers.REQUIREMENTS.read_text("utf-8"))
    stamp = (
        " ".join(["torch==2.13.0 numpy==2.4.6", *first]) + "\n" + " ".join(["--no-deps", *second])
    )
    (tmp_path / ".built").write_text(stamp, "utf-8")
    assert peers.peers_python().parent.parent == tmp_path


def test_the_stub_stands_in_only_where_torchvision_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> None:
        raise RuntimeError("operator torchvision::nms does not exist")

    for name in ("torchvision", "torchvision.transforms", "torchvision.utils"):
        monkeypatch.delitem(sys.modules, name, raising=False)
        monkeypatch.setitem(sys.modules, name, None)  # undone afterwards
    monkeypatch.setattr(peers, "import_module", broken)
    peers.stub_torchvision()
    from torchvision import transforms, utils  # type: ignore[import-not-found,unused-ignore]

    assert transforms is sys.modules["torchvision.transforms"]
    assert utils is sys.modules["torchvision.utils"]
    before = sys.modules["torchvision"]
    monkeypatch.setattr(peers, "import_module", lambda name: before)
    peers.stub_torchvision()
    assert sys.modules["torchvision"] is before
