"""Scores of the 25 images of a grid against real images, with the floor of 25 real ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ddpm.data.image_files import Images
from ddpm.device import pick_device
from ddpm.errors import RequestError, WorkError
from ddpm.evaluation.copy_detection import nearest_two, pixel_vectors
from ddpm.evaluation.feature_networks import NetworkRequest, load_network, resolve_network
from ddpm.evaluation.features import FeatureNetwork
from ddpm.evaluation.image_sets import choose_indices
from ddpm.evaluation.metrics import METRICS, Reference, Sample
from ddpm.evaluation.scores import bootstrap_weights, make_reference, make_sample, score_numbers
from ddpm.scoring.real_images import reference_images
from ddpm.scoring.scoring_setup import feature_cache

CELLS = 25
GRID_METRICS = ("kid", "precision", "coverage", "confident", "detail")
_MAX_REFERENCE = 4000  # real images whose features are compared
_MIN_REFERENCE = 119  # images that the self-trained encoder needs


@dataclass
class GridScorer:
    """Scores grids of one data set; opens the real images and the feature network at the first grid."""

    data: str  # a name or a path
    shape: tuple[int, int, int]
    device: str = "auto"
    _tools: _Tools | str | None = field(default=None, init=False)

    def rows(self, cells: Images) -> list[dict[str, Any]] | str:
        """Return a row for each metric of images uint8 [25, C, H, W], or why there is none."""
        if self._tools is None:
            self._tools = _open_tools(self.data, self.shape, self.device)
        if isinstance(self._tools, str):
            return self._tools
        return self._tools.rows(torch.from_numpy(cells))


@dataclass(frozen=True)
class _Tools:
    """Everything that is computed once for a class."""

    network: FeatureNetwork
    reference: Reference
    floor: Sample
    pixels: Tensor  # of all real images, uint8 [M, D]

    def rows(self, cells: Tensor) -> list[dict[str, Any]]:
        channels = self.reference.images.shape[1]
        if cells.shape[1] != channels:
            cells = (
                cells.expand(-1, 3, -1, -1) if channels == 3 else cells.float().mean(1, True).byte()
            )
        sample = make_sample(cells.contiguous(), self.network)
        rows = [
            {"label": METRICS[name].full_label(self.network.name, CELLS)}
            | _row(name, sample, self.floor, self.reference)
            for name in self._metrics(sample)
        ]
        copies = nearest_two(pixel_vectors(cells), self.pixels).flagged.sum().item()
        label = "copies of real images (pixels, d1/d2 < 1/3), of 25"
        return [*rows, {"metric": "copies", "label": label, "value": copies, "n": CELLS}]

    def _metrics(self, sample: Sample) -> list[str]:
        known = sample.probabilities is not None
        return [name for name in GRID_METRICS if known or not METRICS[name].needs_classes]


def _row(name: str, sample: Sample, floor: Sample, reference: Reference) -> dict[str, Any]:
    metric, features = METRICS[name], sample.features.shape[1]
    values, floors = (
        metric.measure(each, reference, bootstrap_weights(metric, CELLS, features, seed))
        for each, seed in ((sample, 0), (floor, 1))
    )
    numbers = score_numbers(metric, values, floors, CELLS)
    return {"metric": name, "n": CELLS, **numbers}


def _open_tools(data: str, shape: tuple[int, int, int], device: str) -> _Tools | str:
    """Return the tools, or a sentence that says why these grids are not measured."""
    try:
        real = reference_images(data, shape, None, CELLS)
    except (RequestError, WorkError) as error:
        return f"not measured: {error}"
    if real.reference.shape[2:] != shape[1:]:
        return f"not measured: the images of {data} are not {shape[2]}x{shape[1]}"
    if min(len(real.reference), 4 * len(real.floor)) < _MIN_REFERENCE:
        return f"not measured: {data} holds too few images"
    images = real.reference[choose_indices(len(real.reference), _MAX_REFERENCE, 0)]
    choice = resolve_network("auto", images)
    network = load_network(
        choice.name, NetworkRequest(images, None, feature_cache(), str(pick_device(device)))
    )
    floor = real.floor[choose_indices(len(real.floor), CELLS, 1)]
    return _Tools(
        network,
        make_reference(images, network, CELLS, 0, feature_cache()),
        make_sample(floor, network),
        pixel_vectors(torch.cat([real.reference, real.floor])),
    )
