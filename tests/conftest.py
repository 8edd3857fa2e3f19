"""Fixtures shared by all tests: an empty workplace, small models, image files, runs without training."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

# One thread for every test process and its children: tiny networks gain nothing from more, and pytest-xdist
# runs a test process on each core. OpenMP reads this when numpy and torch are imported.
os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"

import numpy as np
import pytest
import torch
from hypothesis import settings
from PIL import Image

from ddpm.config import Config, with_overrides
from ddpm.models.ddpm import Ddpm
from ddpm.models.registry import make_model
from ddpm.models.spec import ModelSpec
from ddpm.optim.state import State
from ddpm.presets import get_preset
from ddpm.runs import RunFolder
from ddpm.training import checkpoint
from tests.examples import PROFILE, examples

# `make test` draws the same examples every time; `make search` draws new ones from each seed.
settings.register_profile("deterministic", derandomize=True, deadline=None)
settings.register_profile(
    "search", derandomize=False, deadline=None, print_blob=True, max_examples=examples(100)
)
settings.load_profile(PROFILE)

# The files that take ten seconds or more, longest first. A file is the work of one test process: a long one
# that began last would keep the other processes waiting.
LONG_FILES = (
    "distributed/test_together.py", "page/test_every_view.py", "page/test_understand.py",
    "commands/report/test_report.py", "faults/test_kills.py", "page/test_compare.py", "faults/test_paths.py",
    "commands/train/test_resume.py", "faults/test_disk.py", "commands/distill/test_distill.py",
    "page/test_rehearsal.py", "page/test_runs.py", "commands/bundle/test_bundle.py", "faults/test_fuzz.py",
    "notebooks/test_practice.py", "test_package.py", "commands/sampler_lab/test_lab.py",
    "test_default_types.py", "cli/test_main.py", "test_public_api.py", "benchmarks/test_process.py",
    "page/test_draw.py", "loading/test_guides.py", "studio/test_serving_kills.py",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; the Makefile asks pytest-xdist to keep this order."""
    rank = {Path(__file__).parent / name: index for index, name in enumerate(LONG_FILES)}
    items.sort(key=lambda item: rank.get(item.path, len(rank)))


DATA_DIR = os.environ.get("DDPM_DATA_DIR")  # before the fixtures below unset it


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cache of decoded images that all tests share, unless one needs its own."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session", autouse=True)
def _environment(cache: Path) -> Iterator[None]:
    """Keep the tests away from the user's cache and data sets; tests marked real_data read `DATA_DIR`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DDPM_CACHE_DIR", str(cache))
        patch.delenv("DDPM_DATA_DIR", raising=False)
        yield


@pytest.fixture(autouse=True)
def _seed() -> None:
    """Give each test the same random numbers, whichever tests ran before it in its process."""
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder as the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def real_data() -> Callable[[str], Path]:
    """real_data("mnist") → the folder of that set in the user's DDPM_DATA_DIR; skips where there is none."""

    def find(name: str) -> Path:
        if DATA_DIR is None:
            pytest.skip("DDPM_DATA_DIR is unset")
        if not Path(DATA_DIR, name).is_dir():
            pytest.skip(f"DDPM_DATA_DIR holds no {name}")
        return Path(DATA_DIR, name)

    return find


Encode = Callable[..., bytes]


def _encode(image: Any, kind: str = "PNG", **options: Any) -> bytes:
    """A Pillow image, or uint8 [H, W] or [H, W, 3], as the bytes of a file."""
    buffer = io.BytesIO()
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(
        buffer, kind, **options
    )
    return buffer.getvalue()


@pytest.fixture
def encode() -> Encode:
    return _encode


@pytest.fixture
def pictures() -> Callable[..., list[bytes]]:
    """n different PNG files of one size, grey or in colour."""

    def make(count: int, size: tuple[int, int] = (8, 8), channels: int = 1, seed: int = 0) -> Any:
        rng = np.random.default_rng(seed)
        shape = size if channels == 1 else (*size, channels)
        return [_encode(rng.integers(0, 256, shape, dtype=np.uint8)) for _ in range(count)]

    return make


@pytest.fixture
def write_folder() -> Callable[[Path, dict[str, bytes]], Path]:
    """Write a tree of files given as {relative name: bytes}."""

    def write(root: Path, files: dict[str, bytes]) -> Path:
        root.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(data)
        return root

    return write


@pytest.fixture
def write_idx() -> Callable[[Path, Any], Path]:
    """Write uint8 of any shape as an IDX file, gzipped where the name says so."""
    import gzip
    import struct

    def write(path: Path, array: Any) -> Path:
        header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
        data = header + array.astype(np.uint8).tobytes()
        path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
        return path

    return write


SMALL = (
    "network.channels=8",
    "network.multipliers=1,2",
    "diffusion.num_steps=20",
    "sampling.steps=4",
    "training.batch_size=8",
    "training.steps=20",
    "training.warmup=0",
    "training.precision=fp32",
)


@pytest.fixture
def small_spec() -> Callable[..., ModelSpec]:
    """A spec of 8x8 images with the given overrides; with `classes` it learns labels."""

    def make(*overrides: str, classes: int = 0, channels: int = 1) -> ModelSpec:
        labels = f"data.labels={'true' if classes else 'false'}"
        return ModelSpec(
            config=with_overrides(Config(), [*SMALL, labels, *overrides]),
            image_shape=(channels, 8, 8),
            data_mean=(-0.2,) * channels,
            data_std=0.6,
            class_names=tuple(f"class {c}" for c in range(classes)),
            class_counts=(3,) * classes,
        )

    return make


@pytest.fixture
def small_ddpm(small_spec: Callable[..., ModelSpec]) -> Callable[..., Ddpm]:
    """A model of `small_spec`; `awake`: with random weights instead of the silent ones of the start."""

    def make(*overrides: str, awake: bool = False, classes: int = 0, channels: int = 1) -> Ddpm:
        model = Ddpm(small_spec(*overrides, classes=classes, channels=channels))
        generator = torch.Generator().manual_seed(3)
        with torch.no_grad():
            for parameter in model.learner.ema.network.parameters() if awake else ():
                parameter.copy_(0.15 * torch.randn(parameter.shape, generator=generator))
        return model

    return make


@pytest.fixture
def stored() -> Callable[[State], State]:
    """A state as a file would hold it: copied, and every tensor in plain C order."""

    def store(state: State) -> State:
        return {
            stem: {
                name: tensor.detach().clone(memory_format=torch.contiguous_format)
                for name, tensor in tensors.items()
            }
            for stem, tensors in state.items()
        }

    return store


STEP = 12
SMALL_RUN = {
    "ddpm": ["network.channels=8", "network.attention=[]", "sampling.steps=2"],
    "dcgan": ["gan.channels=8", "gan.latent=4"],
}
COUNTS = {"given": 70, "used": 60, "held_out": 6, "duplicate": 3, "broken": 1}

MakeRun = Callable[..., Path]


@pytest.fixture(scope="session")
def make_run(tmp_path_factory: pytest.TempPathFactory) -> MakeRun:
    """make_run(name, (channels, height, width), seed=0, data="mnist", model="ddpm") → its folder."""

    def make(
        name: str,
        shape: tuple[int, int, int],
        *,
        seed: int = 0,
        data: str = "mnist",
        model: str = "ddpm",
    ) -> Path:
        run = RunFolder(tmp_path_factory.mktemp("runs") / name)
        preset = get_preset("mnist" if model == "ddpm" else "dcgan-mnist").config
        config = with_overrides(preset, [*SMALL_RUN[model], f"training.steps={STEP}"])
        config = replace(config, data=replace(config.data, path=data, size=shape[1], labels=False))
        spec = ModelSpec(config, shape, (0.0,) * shape[0], 0.5)
        torch.manual_seed(seed)
        state = make_model(spec).state()
        for tensor in state["ema"].values():
            if tensor.is_floating_point():
                tensor.add_(0.3 * torch.randn(tensor.shape).abs())
        checkpoint.save(run.checkpoint(STEP), state, spec, {"step": STEP, "seconds": 1.0})
        run.config.write_text(json.dumps(config.to_dict()), "utf-8")
        data_row = {
            **COUNTS,
            "held_out_reason": {"code": "test_files"},
            "content_hash": "abcdef0123456",
        }
        row = {"device": "cpu", "seed": 0, "torch": "2.13.0", "data": data_row}
        run.environment.write_text(json.dumps(row), "utf-8")
        lines = [json.dumps({"step": i, "loss": 1 / i, "batch": 64}) for i in range(1, STEP + 1)]
        run.metrics.write_text("\n".join(lines), "utf-8")
        return run.root

    return make
