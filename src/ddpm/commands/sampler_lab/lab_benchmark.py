"""One point of the sampler lab measured: drawn, counted, timed, scored; a file a point, none twice."""

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

from ddpm.commands.sampler_lab.candidates import Candidate, sampling_cost
from ddpm.config import SamplingConfig
from ddpm.data.image_files import Images
from ddpm.evaluation.paired_distance import PairedDistance
from ddpm.files import parse_json, replacing, write_json
from ddpm.models.base import DiffusionModel
from ddpm.models.fingerprint import tensors_hash
from ddpm.sampling.draw import choose_labels, draw_images

FINE_IMAGES = 100  # images whose path is also followed finely
FINE_STEPS = 100
RECORD_VERSION = 1  # part of the files' names: count up when a sampler or a spacing draws otherwise

READ_ERRORS = (  # what numpy and zipfile say of a file that is not whole
    OSError,
    ValueError,
    LookupError,
    RuntimeError,
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
)

Record = dict[str, Any]
Advance = Callable[[int], None]  # told how many images are done


@dataclass(frozen=True)
class SamplerBenchmark:
    """What every point of a lab has in common."""

    model: DiffusionModel
    weights: str  # hash of what is sampled from
    yardstick: PairedDistance
    folder: Path  # of the points' files
    seeds: range

    def key(self, settings: SamplingConfig) -> str:
        """12 hexadecimal digits of all that decides the numbers of a point, speed included."""
        facts = {
            "settings": asdict(settings),
            "weights": self.weights,
            "protocol": self.yardstick.protocol,
            "seeds": [self.seeds.start, self.seeds.stop],
            "computed": [str(self.model.device), self.model.precision, torch.get_num_threads()],
            "program": [RECORD_VERSION, torch.__version__],
        }
        if settings.autoguided:  # it may have been trained on
            facts["guide"] = tensors_hash(self.model.guide(settings.guide).network.state_dict())
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]

    def file(self, point: Candidate) -> Path:
        """Where a point's record lies, or will lie."""
        settings = point.settings
        return self.folder / f"{settings.sampler}-{settings.steps}-{self.key(settings)}.json"

    def known(self, point: Candidate) -> Record | None:
        """The record of a point that is measured already."""
        try:
            found = parse_json(self.file(point).read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return found if _is_valid_record(found, len(self.yardstick.floors[0])) else None

    def measure(self, point: Candidate, advance: Advance = lambda done: None) -> Record:
        """Draw the images of a point and keep what was found out, whole or not at all."""
        chunks = -(-len(self.seeds) // point.settings.chunk)
        with count_network_calls(self.model, point.settings) as calls:
            began = time.perf_counter()
            images = self._draw(self.seeds, point.settings, advance)
            seconds = (time.perf_counter() - began) / len(self.seeds)
        values = self.yardstick.measure(torch.from_numpy(images))
        record: Record = {
            "settings": asdict(point.settings),
            "evaluations": calls[0] // chunks,
            "seconds_per_image": seconds,
            "solver_error": None if point.cost.noisy else self._solver_error(images, point),
            "replicates": values.tolist(),
        }
        write_json(self.file(point), record)
        return record

    def pace(self) -> float:
        """Seconds that all images take for one evaluation each, from a chunk drawn in a few steps."""
        settings = replace(self.model.spec.config.sampling, sampler="ddim", steps=2, eta=0.0)
        chunk = self.seeds[: settings.chunk]
        for _ in range(2):  # the first one warms up
            began = time.perf_counter()
            self._draw(chunk, settings)
            seconds = time.perf_counter() - began
        chunks = -(-len(self.seeds) // settings.chunk)
        return seconds / sampling_cost(self.model, settings).evaluations * chunks

    def _draw(
        self, seeds: range, settings: SamplingConfig, advance: Advance = lambda done: None
    ) -> Images:
        with torch.no_grad():
            labels = choose_labels(self.model, seeds, None)
            return draw_images(self.model, seeds, labels, settings, progress=advance)

    def _solver_error(self, images: Images, point: Candidate) -> float:
        """Mean over the first images of the root mean square difference to the finely followed path.

        In steps of 8 bits. It tells solvers of one equation apart from few images, since every pair
        begins at the same noise; it does not say whether that path leads to a good image.
        """
        fine = self.fine(point.settings).astype(np.float64)
        squares = (images[: len(fine)] - fine) ** 2
        return float(np.sqrt(squares.mean(axis=(1, 2, 3))).mean())

    def fine(self, settings: SamplingConfig) -> Images:
        """The images of the first seeds by many steps of a third-order solver; kept in a file."""
        many = fine_settings(self.model, settings)
        file = self.folder / f"fine-{self.key(many)}.npz"
        seeds = self.seeds[:FINE_IMAGES]
        with contextlib.suppress(*READ_ERRORS), file.open("rb") as opened:
            known = np.asarray(np.load(opened, allow_pickle=False)["images"])
            if known.shape == (len(seeds), *self.model.spec.image_shape):
                return known.astype(np.uint8)
        images = self._draw(seeds, many)
        with replacing(file) as temporary:
            np.savez_compressed(temporary, images=images)
        return images


def _is_valid_record(record: Any, values: int) -> bool:
    """Whether a file holds what `measure` writes, with as many `values` of the distance."""
    if not isinstance(record, dict):
        return False
    numbers, error = record.get("replicates"), record.get("solver_error", "missing")
    counted = [record.get("evaluations"), record.get("seconds_per_image")]
    return (
        isinstance(numbers, list)
        and len(numbers) == values
        and all(map(_is_number, [*numbers, *counted]))
        and (error is None or _is_number(error))
    )


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


def fine_settings(model: DiffusionModel, settings: SamplingConfig) -> SamplingConfig:
    """How the path of the same equation is followed finely."""
    steps = min(FINE_STEPS, len(model.schedule))
    return replace(settings, sampler="unipc", steps=steps, spacing="uniform", eta=0.0, churn=0.0)


@contextlib.contextmanager
def count_network_calls(model: DiffusionModel, settings: SamplingConfig) -> Iterator[list[int]]:
    """Counts every call of the averaged network and its guide, one a batch, in the list it yields."""
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
