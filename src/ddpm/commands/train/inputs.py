"""Inputs of a training run: its data set, its teacher if it has one, and the models made from them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch

from ddpm.commands.train.resume import check_same_data
from ddpm.config import Config
from ddpm.data.batches import Batches
from ddpm.data.dataset import Dataset
from ddpm.data.pixels import to_model
from ddpm.loading.datasets import (
    model_spec,
    open_dataset,
    training_batches,
    with_recorded_range,
)
from ddpm.loading.initial_weights import (
    initialized_spec,
    open_initial_weights,
    with_fitting_guide,
    with_statistics,
)
from ddpm.loading.pseudo_labels import save_pseudo_labels, with_pseudo_labels
from ddpm.loading.teachers import (
    ModelFactory,
    find_teacher,
    model_factory,
    save_teacher,
    student_spec,
    teacher_facts,
)
from ddpm.models.base import DiffusionModel, GenerativeModel
from ddpm.models.registry import make_sharded
from ddpm.models.spec import ModelSpec
from ddpm.runs import RunFolder
from ddpm.sampling.settings import set_guidance
from ddpm.terminal import print_line
from ddpm.training.loop import Batch

MAX_HELDOUT_IMAGES = 500  # for the held-out loss


@dataclass(frozen=True)
class Inputs:
    """Data set and teacher of a run, and the specification and factory of its models."""

    config: Config  # with the pixel values that `data.range=auto` found
    device: torch.device
    dataset: Dataset
    init: str | None  # weights that training starts from, as the user named them
    teacher: DiffusionModel | None
    spec: ModelSpec
    factory: ModelFactory

    def with_normalization(self, saved: ModelSpec | None) -> Inputs:
        """Return these inputs with the normalization of the weights that training starts from.

        `saved` is the specification of the checkpoint to resume from, if there is one. Without a checkpoint
        and without `init` the normalization is that of the images.
        """
        spec = self.spec
        if self.teacher is not None or (saved is None and self.init is None):
            return self
        if saved is None:
            return replace(self, spec=initialized_spec(spec, str(self.init)))
        if saved.image_shape != spec.image_shape:  # `check_same_model` says what was altered
            return self
        return replace(self, spec=with_statistics(spec, saved))

    def make_model(self) -> GenerativeModel:
        """Return a model with random weights."""
        return self.factory(self.spec, self.device)

    def make_initial_model(self) -> GenerativeModel:
        """Return the model that training starts from, with the weights of `init` if given."""
        model = self.make_model()
        if self.init is not None:
            open_initial_weights(self.init, self.teacher).load_into(model)
        return model

    def batches(self, config: Config) -> Batches:
        """Return the batches of the training images, on the device if they fit."""
        dataset = self.dataset
        batches = training_batches(config, dataset.images, dataset.train, dataset.labels)
        if size := batches.move_to(self.device):
            print_line(f"the images are kept on {self.device} ({size / 1e6:,.0f} MB)")
        return batches

    def heldout_batch(self) -> Batch | None:
        """Return the images that every held-out loss is measured on; None if nothing is held out."""
        dataset = self.dataset
        rows = dataset.heldout[:MAX_HELDOUT_IMAGES]
        if not len(rows):
            return None
        labels = None if dataset.labels is None else torch.from_numpy(dataset.labels[rows])
        return to_model(torch.from_numpy(dataset.images[rows])), labels

    def save(self, run: RunFolder, config: Config) -> None:
        """Save teacher and pseudo-labels in the run folder, so that a resumed run uses the same ones."""
        save_teacher(run, self.teacher, guided=config.family.is_distilled)
        save_pseudo_labels(self.dataset, config.data, run.classes)

    def teacher_entry(self) -> dict[str, Any]:
        """Return the entry `teacher` of environment.json; empty without a teacher."""
        return teacher_facts(self.teacher, self.init, guided=self.config.family.is_distilled)


def open_inputs(
    run: RunFolder, config: Config, init: str | None, device: torch.device, shard: bool
) -> Inputs:
    """Open the data set and the teacher of a run.

    RequestError if the images are not found, or if the run started with other images or another teacher.
    """
    dataset = open_dataset(config)
    check_same_data(run, dataset)
    config = with_recorded_range(config, dataset)
    dataset = with_pseudo_labels(dataset, config.data, run.classes)
    guidance = config.student.guidance
    teacher = find_teacher(
        run, config, init, str(device), lambda found: set_guidance(found, guidance)
    )
    if not run.exists():
        config = with_fitting_guide(config, model_spec(config, dataset))
    spec = student_spec(teacher, model_spec(config, dataset))
    make = make_sharded if shard else model_factory(teacher)
    return Inputs(config, device, dataset, init, teacher, spec, make)
