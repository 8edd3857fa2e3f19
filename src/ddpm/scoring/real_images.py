"""The real images of an evaluation: the reference, and the floor beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ddpm.config import Config, DataConfig
from ddpm.data.catalogue import DATASETS, cache_dir
from ddpm.data.dataset import TEST_FILES, Dataset
from ddpm.data.source_detection import open_source
from ddpm.data.survey import survey_source
from ddpm.distributed import local_main_first
from ddpm.errors import RequestError
from ddpm.loading.datasets import dataset_path, model_spec, open_dataset
from ddpm.loading.models import OpenedModel
from ddpm.messages import Message, message


@dataclass(frozen=True)
class RealImages:
    """Three sets of uint8 images [N, C, H, W], what the first two are, and notes."""

    name: str
    reference: Tensor
    floor: Tensor  # none of them in the reference
    heldout: Tensor  # never trained on; may be none
    reference_what: Message
    floor_what: Message
    notes: tuple[Message, ...] = ()
    tested: bool = False  # the held-out ones are test files, which no training takes
    content: str = ""  # hash of the files
    trained: tuple[Tensor, ...] = ()  # outside the reference, trained on as well


def training_images(opened: OpenedModel, n: int) -> RealImages:
    """The images a model was trained on, found through its configuration."""
    data = replace(opened.model.spec.config.data, labels=False)
    config = replace(opened.model.spec.config, data=data)
    try:
        dataset_path(data.path)
    except RequestError as error:
        if data.path in DATASETS:  # the sentence says how to get them
            raise
        raise RequestError(
            f"The training images of {opened.name} are not at {data.path or 'a known place'} any "
            "more; name them with --reference."
        ) from error
    dataset = open_dataset(with_default_holdout(config))
    if data.all_images and dataset.heldout_reason != TEST_FILES:
        dataset = open_dataset(config)  # what would be held out was trained on
    known = {} if opened.run is None else opened.run.load_environment().get("data", {})
    changed = known.get("content_hash", dataset.report["content_hash"])
    note = message("images_changed", path=data.path)
    return split_reference(dataset, n, (note,) if changed != dataset.report["content_hash"] else ())


def with_default_holdout(config: Config) -> Config:
    """The configuration with the usual holdout: an IDX set keeps its test files apart."""
    return replace(config, data=replace(config.data, all_images=False))


def reference_images(
    named: str, shape: Sequence[int], opened: OpenedModel | None, n: int
) -> RealImages:
    """The images that --reference names, as they are, for a subject of `shape` (C, H, W).

    Where they have another shape, a model may have been trained on them all the same: then they are
    brought to its shape as they were for the training.
    """
    path = dataset_path(named)
    seen = local_main_first(lambda: survey_source(open_source(path), cache_dir()))
    height, width = shape[1:]
    native = f"{height}x{width}" if next(iter(seen.sizes)) == f"{height}x{width}" else "auto"
    dataset = open_dataset(Config(data=DataConfig(path=named, size=native)))
    if opened is not None and dataset.images.shape[1:] != tuple(shape):
        spec = opened.model.spec
        data = replace(spec.config.data, path=named, labels=False)
        trained = open_dataset(replace(spec.config, data=data))
        facts = model_spec(spec.config, trained)
        if (facts.data_mean, facts.data_std) == (spec.data_mean, spec.data_std):
            dataset = trained
    return split_reference(dataset, n)


def mark_trained_heldout(opened: OpenedModel, real: RealImages) -> RealImages:
    """The same real images as a model knows them that was trained on all images, held-out ones too.

    Then copies of those are copies, and none is left for a likelihood. Weights without a run do not
    say which images they learned: they are taken for these.
    """
    if not opened.model.spec.config.data.all_images or real.tested or not len(real.heldout):
        return real
    if opened.run is not None:
        known = opened.run.load_environment().get("data", {})
        if known.get("content_hash", real.content) != real.content:
            return real
    return replace(
        real,
        trained=(*real.trained, real.heldout),
        heldout=real.heldout[:0],
        notes=(*real.notes, message("heldout_trained_on")),
    )


def split_reference(dataset: Dataset, n: int, notes: tuple[Message, ...] = ()) -> RealImages:
    """The training images as reference; as floor the test files, or a holdout of n or more.

    Otherwise one half of the training images against the other, where that gives more.
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
        tested=tested,
        content=dataset.report.get("content_hash", ""),
    )
    enough = real.tested or len(heldout) >= n
    return real if enough or len(heldout) >= len(train) // 2 else split_halves(real)


def split_halves(real: RealImages) -> RealImages:
    """One half of the reference against the other, always the same ones."""
    count = len(real.reference)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(0))
    one, other = (
        order[: count - count // 2].sort().values,
        order[count - count // 2 :].sort().values,
    )
    floor = real.reference[other]
    return replace(
        real,
        reference=real.reference[one],
        floor=floor,
        reference_what=message("half_of_training", count=len(one)),
        floor_what=message("other_half_of_training", count=len(other)),
        trained=(floor,),
    )


def _select_images(dataset: Dataset, rows: NDArray[np.int64]) -> Tensor:
    return torch.from_numpy(np.array(dataset.images[rows]))
