"""The real images of an evaluation: reference, floor set and held-out images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ddpm.config import Config, DataConfig
from ddpm.data.catalogue import DATASETS, cache_dir
from ddpm.data.dataset import TEST_FILES, Dataset
from ddpm.data.source_detection import open_source
from ddpm.data.survey import survey_source
from ddpm.data.value_range import range_for
from ddpm.distributed import local_main_first
from ddpm.errors import RequestError
from ddpm.evaluation.protocol import content_hash
from ddpm.loading.datasets import dataset_path, model_spec, open_dataset
from ddpm.loading.models import OpenedModel
from ddpm.messages import Message, message


@dataclass(frozen=True)
class RealImages:
    """Sets of real images, uint8 [N, C, H, W], with their descriptions."""

    name: str
    reference: Tensor
    floor: Tensor  # real images outside the reference
    heldout: Tensor  # not trained on; may be empty
    reference_what: Message
    floor_what: Message
    notes: tuple[Message, ...] = ()
    has_test_files: bool = False  # the held-out images are test files, which training never takes
    files_hash: str = ""  # hash of the files
    trained: tuple[Tensor, ...] = ()  # training images outside the reference
    in_halves: bool = False  # reference and floor are the halves of the training images

    def check_enough(self, user: str, minimum: int, floor_minimum: int = 0) -> None:
        """Raise RequestError unless the reference holds `minimum` images and the floor `floor_minimum`.

        `user` names what needs them. If one set was split into both, the message counts that set.
        """
        reference, floor = len(self.reference), len(self.floor)
        if not self.in_halves or (reference >= minimum and floor >= floor_minimum):
            return
        needed, split, heldout = (
            max(2 * minimum - 1, 2 * floor_minimum),
            reference + floor,
            len(self.heldout),
        )
        lacking = f"real images, not {split}"
        if heldout:
            lacking = f"real images besides the held-out ones, and the {split + heldout} given leave {split}"
        raise RequestError(
            f"{user} needs at least {needed} {lacking}: one half is the reference, the other half measures "
            "the floor. Give more images."
        )

    def facts(self) -> dict[str, Any]:
        """Return reference and floor as plain values for evaluation.json."""
        return {
            "reference": {
                "name": self.name,
                "count": len(self.reference),
                "hash": content_hash(self.reference),
                "what": self.reference_what,
            },
            "floor": {"count": len(self.floor), "what": self.floor_what},
        }


def training_images(opened: OpenedModel, n: int) -> RealImages:
    """Return the training images of a model, found through its configuration.

    RequestError if they are no longer there. `n` is the wanted size of the floor set.
    """
    data = opened.model.spec.config.data
    data = replace(data, labels="auto" if data.labels is True else data.labels)
    config = replace(opened.model.spec.config, data=data)
    try:
        dataset_path(data.path)
    except RequestError as error:
        if data.path in DATASETS:  # the message says how to get them
            raise
        raise RequestError(
            f"The training images of {opened.name} are not at {data.path or 'any recorded path'}; name "
            "them with --reference."
        ) from error
    dataset = open_dataset(with_default_holdout(config))
    if data.all_images and dataset.heldout_reason != TEST_FILES:
        dataset = open_dataset(config)  # training took the default holdout, too
    note = message("images_changed", path=data.path)
    unchanged = dataset.has_content(_recorded_hash(opened), with_labels=False)
    return split_reference(dataset, n, () if unchanged else (note,))


def _recorded_hash(opened: OpenedModel) -> Any:
    """Return the hash of a run's training images; None if it is not recorded."""
    recorded = {} if opened.run is None else opened.run.load_environment().get("data", {})
    return recorded.get("content_hash")


def with_default_holdout(config: Config) -> Config:
    """Return the configuration with the default holdout: an IDX set keeps its test files apart."""
    return replace(config, data=replace(config.data, all_images=False))


def reference_images(
    named: str, shape: Sequence[int], opened: OpenedModel | None, n: int
) -> RealImages:
    """Return the images that --reference names, for generated images of `shape` (C, H, W).

    The images keep their size. If it differs from `shape` and the model was trained on them, they
    are resized as for its training.
    """
    path = dataset_path(named)
    found = local_main_first(lambda: survey_source(open_source(path), cache_dir()))
    height, width = shape[1:]
    native = f"{height}x{width}" if next(iter(found.sizes)) == f"{height}x{width}" else "auto"
    data = DataConfig(path=named, size=native)
    if opened is not None:
        data = replace(data, range=range_for(opened.model.spec.config.data.range, found.modes))
    dataset = open_dataset(Config(data=data))
    if opened is not None and dataset.images.shape[1:] != tuple(shape):
        spec = opened.model.spec
        data = replace(spec.config.data, path=named, labels=False, range=data.range)
        trained = open_dataset(replace(spec.config, data=data))
        facts = model_spec(spec.config, trained)
        same = (facts.data_mean, facts.data_std) == (spec.data_mean, spec.data_std)
        if same or _recorded_hash(opened) == trained.report["content_hash"]:
            dataset = trained
    return split_reference(dataset, n)


def mark_trained_heldout(opened: OpenedModel, real: RealImages) -> RealImages:
    """Move the held-out images to `trained` if the model was trained on them (data.all_images).

    Copies of them then count as copies, and none is left for the likelihood. Weights without a run
    do not record their training images and are assumed to have seen these.
    """
    trained_on_all = opened.model.spec.config.data.all_images
    if not trained_on_all or real.has_test_files or not len(real.heldout):
        return real
    if opened.run is not None:
        recorded = opened.run.load_environment().get("data", {})
        if recorded.get("content_hash", real.files_hash) != real.files_hash:
            return real
    return replace(
        real,
        trained=(*real.trained, real.heldout),
        heldout=real.heldout[:0],
        notes=(*real.notes, message("heldout_trained_on")),
    )


def split_reference(dataset: Dataset, n: int, notes: tuple[Message, ...] = ()) -> RealImages:
    """Return the training images as reference, and the test files or the holdout as floor set.

    If the holdout has fewer than `n` images and half of the training images are more, one half is
    the reference and the other half the floor set.
    """
    train, heldout = dataset.train, dataset.heldout
    tested = dataset.heldout_reason == TEST_FILES
    real = RealImages(
        name=dataset.name,
        reference=_select_images(dataset, train),
        floor=_select_images(dataset, heldout),
        heldout=_select_images(dataset, heldout),
        reference_what=message("training_images", count=len(train)),
        floor_what=message("test_images" if tested else "heldout_images", count=len(heldout)),
        notes=notes,
        has_test_files=tested,
        files_hash=dataset.report.get("content_hash", ""),
    )
    enough = real.has_test_files or len(heldout) >= n
    return real if enough or len(heldout) >= len(train) // 2 else split_halves(real)


def split_halves(real: RealImages) -> RealImages:
    """Split the reference into a reference and a floor set, always the same way."""
    count = len(real.reference)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(0), device="cpu")
    middle = count - count // 2
    one, other = (part.sort().values for part in (order[:middle], order[middle:]))
    floor = real.reference[other]
    return replace(
        real,
        reference=real.reference[one],
        floor=floor,
        reference_what=message("half_of_training", count=len(one)),
        floor_what=message("other_half_of_training", count=len(other)),
        trained=(floor,),
        in_halves=True,
    )


def _select_images(dataset: Dataset, rows: NDArray[np.int64]) -> Tensor:
    return torch.from_numpy(np.array(dataset.images[rows]))
