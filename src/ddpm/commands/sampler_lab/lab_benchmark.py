"""The benchmark of the sampler lab: sample, count, time and score a candidate; record it in a file."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ddpm.commands.sampler_lab.candidates import Candidate
from ddpm.config import SamplingConfig
from ddpm.data.image_files import Images
from ddpm.evaluation.paired_distance import PairedDistance
from ddpm.files import atomic_file, read_json, write_json
from ddpm.models.base import DiffusionModel
from ddpm.models.fingerprint import tensors_hash
from ddpm.sampling.sampling_cost import sampling_cost
from ddpm.scoring.paired import sample_seeds

FINE_IMAGES = 100  # first images, compared with the solution in many steps
FINE_STEPS = 100
# part of the record's key; increase it when a sampler, a spacing or the class of a seed changes
RECORD_VERSION = 2

READ_ERRORS = (  # raised by numpy and zipfile for a damaged file
    OSError,
    ValueError,
    LookupError,
    RuntimeError,
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
)

Record = dict[str, Any]
Advance = Callable[[int], None]  # receives the number of images done


@dataclass(frozen=True)
class SamplerBenchmark:
    """The model, distance and seeds shared by all candidates of a lab."""

    model: DiffusionModel
    weights: str  # hash of the weights that are sampled from
    distance: PairedDistance
    folder: Path  # of the records
    seeds: range

    def key(self, settings: SamplingConfig) -> str:
        """Return a hash of everything that decides a record, its speed included: 12 hex digits."""
        facts = {
            "settings": asdict(settings),
            "weights": self.weights,
            "protocol": self.distance.protocol,
            "seeds": [self.seeds.start, self.seeds.stop],
            "computed": [str(self.model.device), self.model.precision, torch.get_num_threads()],
            "program": [RECORD_VERSION, torch.__version__],
        }
        if settings.autoguided:  # the guide may have been trained further
            facts["guide"] = tensors_hash(self.model.guide(settings.guide).network.state_dict())
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]

    def record_file(self, candidate: Candidate) -> Path:
        """Return the path of a candidate's record."""
        settings = candidate.settings
        return self.folder / f"{settings.sampler}-{settings.steps}-{self.key(settings)}.json"

    def load_record(self, candidate: Candidate) -> Record | None:
        """Return the record of a candidate; None if it is missing or damaged."""
        try:
            record = read_json(self.record_file(candidate))
        except (OSError, ValueError):
            return None
        return record if _is_valid_record(record, len(self.distance.floor_values)) else None

    def measure(self, candidate: Candidate, advance: Advance = lambda done: None) -> Record:
        """Sample and score the images of a candidate, and write its record."""
        settings = candidate.settings
        chunks = -(-len(self.seeds) // settings.chunk)
        with count_network_calls(self.model, settings) as calls:
            start = time.perf_counter()
            images = sample_seeds(self.model, self.seeds, settings, advance)
            seconds = (time.perf_counter() - start) / len(self.seeds)
        values = self.distance.measure(torch.from_numpy(images))
        record: Record = {
            "settings": asdict(settings),
            "evaluations": calls[0] // chunks,
            "seconds_per_image": seconds,
            "solver_error": (
                None if candidate.cost.noisy else self._solver_error(images, settings)
            ),
            "replicates": values.tolist(),
        }
        write_json(self.record_file(candidate), record)
        return record

    def seconds_per_evaluation(self) -> float:
        """Return the seconds of one network evaluation of all images, from a timed chunk."""
        settings = replace(self.model.spec.config.sampling, sampler="ddim", steps=2, eta=0.0)
        chunk = self.seeds[: settings.chunk]
        for _ in range(2):  # the first is a warm-up
            start = time.perf_counter()
            sample_seeds(self.model, chunk, settings)
            seconds = time.perf_counter() - start
        chunks = -(-len(self.seeds) // settings.chunk)
        return seconds / sampling_cost(self.model, settings).evaluations * chunks

    def _solver_error(self, images: Images, settings: SamplingConfig) -> float:
        """Return the mean RMS difference, in gray levels of 255, from the solution in many steps.

        It compares solvers of one equation on few images, since each pair starts at the same noise.
        It does not measure whether the exact solution is a good image.
        """
        fine = self.fine_images(settings).astype(np.float64)
        squares = (images[: len(fine)] - fine) ** 2
        return float(np.sqrt(squares.mean(axis=(1, 2, 3))).mean())

    def fine_images(self, settings: SamplingConfig) -> Images:
        """Return the images of the first seeds by many steps of a third-order solver, from a cache file."""
        fine = fine_settings(self.model, settings)
        file = self.folder / f"fine-{self.key(fine)}.npz"
        seeds = self.seeds[:FINE_IMAGES]
        with contextlib.suppress(*READ_ERRORS), file.open("rb") as opened:
            cached = np.asarray(np.load(opened, allow_pickle=False)["images"])
            if cached.shape == (len(seeds), *self.model.spec.image_shape):
                return cached.astype(np.uint8)
        images = sample_seeds(self.model, seeds, fine)
        with atomic_file(file) as temporary:
            np.savez_compressed(temporary, images=images)
        return images


def _is_valid_record(record: Any, values: int) -> bool:
    """Return whether `record` has the fields of `SamplerBenchmark.measure`, with `values` replicates."""
    if not isinstance(record, dict):
        return False
    numbers, error = record.get("replicates"), record.get("solver_error", "missing")
    costs = [record.get("evaluations"), record.get("seconds_per_image")]
    return (
        isinstance(numbers, list)
        and len(numbers) == values
        and all(map(_is_number, [*numbers, *costs]))
        and (error is None or _is_number(error))
    )


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


def fine_settings(model: DiffusionModel, settings: SamplingConfig) -> SamplingConfig:
    """Return settings that solve the same equation in many steps."""
    steps = min(FINE_STEPS, len(model.schedule))
    return replace(settings, sampler="unipc", steps=steps, spacing="uniform", eta=0.0, churn=0.0)


@contextlib.contextmanager
def count_network_calls(model: DiffusionModel, settings: SamplingConfig) -> Iterator[list[int]]:
    """Yield a list whose only item counts the calls of the averaged network and its guide."""
    calls = [0]

    def count(module: object, inputs: tuple[Tensor, ...]) -> None:
        calls[0] += 1

    networks = [model.averaged.network]
    if settings.autoguided:
        networks.append(model.guide(settings.guide).network)
    handles = [network.register_forward_pre_hook(count) for network in networks]
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()
