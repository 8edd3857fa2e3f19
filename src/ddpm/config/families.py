"""Table of model families and their capabilities.

Other code checks capabilities such as `config.family.has_reverse_process`, never the name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Requirement:
    """Condition on the value of one configuration key, with the error message for values that violate it."""

    key: str
    holds: Callable[[Any], bool]
    message: str


@dataclass(frozen=True)
class Family:
    """Capabilities of a model family."""

    noun: str  # with its article, for messages
    sections: tuple[str, ...]  # of the configuration that it uses, in the order of the report
    width_key: str = ""  # makes its networks wider; "": a setting of `network`, by network.kind
    is_diffusion: bool = False  # has a denoiser: likelihood, editing, samplers, autoguidance
    is_adversarial: bool = False  # has a generator and a discriminator
    is_distilled: bool = False  # samples only in the few steps that its teacher taught it
    has_teacher: bool = False  # starts from another model, which its training needs
    command: str = "train"  # that starts its training
    has_reverse_process: bool = True  # generates images from noise in steps, not in one pass
    learns_labels: bool = True  # can be trained with classes
    can_compile: bool = False  # torch.compile supports its training step
    can_shard: bool = False  # FSDP supports its training state
    single_process_reason: str = ""  # why several processes cannot train it; "": they can
    sampling_keys: tuple[str, ...] | None = None  # settings of `sampling` it uses; None: all
    sampling_note: str = ""  # end of an error about an unused setting; {config} is filled in
    required_model: str = "a diffusion model"  # for errors: the model to pass in its place
    requirements: tuple[Requirement, ...] = ()


_NOT_COMPILED = Requirement(
    "training.compile",
    lambda value: value != "on",
    "Only the training of a diffusion model can be compiled: set training.compile=off.",
)

FAMILIES: dict[str, Family] = {
    "ddpm": Family(
        "a diffusion model",
        ("data", "network", "diffusion", "training", "sampling"),
        is_diffusion=True,
        can_compile=True,
        can_shard=True,
    ),
    "dcgan": Family(
        "a DCGAN",
        ("data", "gan", "training"),
        width_key="gan.channels",
        is_adversarial=True,
        has_reverse_process=False,
        learns_labels=False,
        single_process_reason=(
            "A DCGAN's batch normalization needs the whole batch, so one process trains it: "
            "start ddpm train without torchrun."
        ),
        sampling_keys=("chunk",),
        sampling_note="a DCGAN samples in one pass of its generator: leave it out",
        requirements=(
            _NOT_COMPILED,
            Requirement(
                "data.labels",
                lambda value: value in (False, "auto"),
                "A DCGAN learns no labels; set data.labels=false.",
            ),
            Requirement(
                "data.augment",
                lambda value: not value,
                "A DCGAN has no input for augmentation labels, so it would generate augmented images: "
                "set data.augment=0 and use data.flip, data.shift or data.crop.",
            ),
            Requirement(
                "training.accumulate",
                lambda value: value == 1,
                "A DCGAN's batch normalization needs the whole batch: set training.accumulate=1, and "
                "lower training.batch_size if memory is short.",
            ),
            Requirement(
                "training.posthoc_ema",
                lambda value: not value,
                "A DCGAN keeps no averages for ddpm ema: set training.posthoc_ema=0.",
            ),
            Requirement(
                "training.batch_size",
                lambda value: value >= 2,
                "A DCGAN's batch normalization compares images: set training.batch_size to at least 2.",
            ),
        ),
    ),
    "student": Family(
        "a few-step student",
        ("data", "network", "diffusion", "student", "training"),
        is_distilled=True,
        has_teacher=True,
        command="distill",
        single_process_reason=(
            "A few-step student is trained by one process: start the training without torchrun."
        ),
        sampling_keys=("chunk",),
        sampling_note=(
            "a few-step student samples only as it was trained "
            "({config.student.evaluations} evaluations, its teacher's guidance): leave it out, "
            "or train another student with ddpm distill"
        ),
        required_model="its teacher",
        requirements=(
            _NOT_COMPILED,
            Requirement(
                "data.augment",
                lambda value: not value,
                "A few-step student generates images without augmentation: set data.augment=0.",
            ),
        ),
    ),
    "polished": Family(
        "a polished diffusion model",
        ("data", "network", "diffusion", "polish", "training", "sampling"),
        is_diffusion=True,
        has_teacher=True,
        command="polish",
        single_process_reason=(
            "A model is polished by one process: start the training without torchrun."
        ),
        requirements=(
            _NOT_COMPILED,
            Requirement(
                "data.augment",
                lambda value: not value,
                "Polishing compares images as they are generated with real ones: set data.augment=0.",
            ),
            Requirement(
                "diffusion.weighting",
                lambda value: value == "simple",
                "Polishing weights all noise levels alike: set diffusion.weighting=simple.",
            ),
        ),
    ),
}

SECTION_OWNERS = {  # sections that only some families use
    "network": "a diffusion model",
    "diffusion": "a diffusion model",
    "gan": "a DCGAN",
    "student": "a few-step student, which ddpm distill trains",
    "polish": "a polished model, which ddpm polish trains",
}


def family_of(values: Mapping[str, Any]) -> Family | None:
    """Return the model family of a config.json's values; None if its name is unknown."""
    return FAMILIES.get(str(values.get("model")))
