"""Bounds and combinations of settings, checked before anything is written."""

from __future__ import annotations

from collections.abc import Iterable

from ddpm.config.families import SECTION_OWNERS
from ddpm.config.sections import EARLY_GUIDE, Config, DataConfig, DiffusionConfig
from ddpm.config.values import quote
from ddpm.errors import RequestError

# Lowest and highest value of each numeric key, both allowed. Units: see config/sections.py.
_BOUNDS: dict[str, tuple[float, float]] = {
    "data.shift": (0, 64),
    "data.crop": (0, 0.9),
    "data.augment": (0, 1),
    "network.channels": (1, 4096),
    "network.blocks": (1, 16),
    "network.patch": (1, 16),
    "network.width": (4, 4096),
    "network.depth": (1, 64),
    "network.heads": (1, 64),
    "network.dropout": (0, 0.95),
    "network.groups": (0, 512),
    "network.sinusoids": (0, 4096),
    "network.label_dropout": (0, 1),
    "diffusion.num_steps": (2, 100_000),
    "diffusion.beta_start": (1e-9, 0.999),
    "diffusion.beta_end": (1e-9, 0.999),
    "diffusion.huber": (0, 10),
    "diffusion.noise_candidates": (1, 256),
    "diffusion.offset_noise": (0, 1),
    "student.evaluations": (1, 8),
    "student.guidance": (0, 100),
    "student.drift": (0, 1),
    "polish.strength": (0.01, 1000),
    "polish.generated_weight": (0, 100),
    "gan.latent": (1, 2**16),
    "gan.channels": (1, 4096),
    "gan.label_smoothing": (0, 0.5),
    "training.steps": (1, 10**9),
    "training.minutes": (0, 1e6),
    "training.epochs": (0, 1e6),
    "training.batch_size": (1, 2**20),
    "training.accumulate": (1, 2**16),
    "training.learning_rate": (0, 10),
    "training.weight_decay": (0, 10),
    "training.warmup": (0, 10**9),
    "training.clip": (0, 1e9),
    "training.ema": (0, 0.9999999),
    "training.posthoc_ema": (0, 256),
    "training.seed": (0, 2**63 - 1),
    "training.checkpoint_every": (1, 10**9),
    "training.preview_every": (1, 10**9),
    "training.heldout_every": (1, 10**9),
    "training.memorization_every": (0, 10**9),
    "sampling.steps": (1, 100_000),
    "sampling.eta": (0, 1),
    "sampling.churn": (0, 10_000),
    "sampling.guidance": (0, 100),
    "sampling.guidance_rescale": (0, 1),
    "sampling.guide_scale": (0, 100),
    "sampling.classifier_guidance": (0, 1000),
    "sampling.chunk": (1, 2**16),
}
_MAX_CLUSTERS = 1000
_MAX_LEVELS = 10  # resolution levels of the U-Net
_NOT_MIRRORED = ("digits", "mnist")  # data sets whose mirrored images are invalid


def check(config: Config) -> None:
    """Raise RequestError if a value is out of bounds or a combination of settings is impossible."""
    for key, (low, high) in _BOUNDS.items():
        section, name = key.split(".")
        value = getattr(getattr(config, section), name)
        if not low <= value <= high:
            raise RequestError(f"{key} must lie between {low:.10g} and {high:.10g}, not {value!r}.")
    multipliers = config.network.multipliers
    if not 1 <= len(multipliers) <= _MAX_LEVELS or not all(1 <= m <= 64 for m in multipliers):
        raise RequestError(
            f"network.multipliers must hold 1 to {_MAX_LEVELS} whole numbers from 1 to 64, one for each "
            "level, such as [1, 2, 2]."
        )
    if any(a < 1 for a in config.network.attention):
        raise RequestError(
            "network.attention must hold resolutions in pixels, such as [7] or [16, 8]."
        )
    if not all(0 <= b < 1 for b in config.training.betas):
        raise RequestError("training.betas must be at least 0 and below 1, such as [0.9, 0.99].")
    low, high = config.sampling.guidance_interval
    if not 0 <= low <= high <= 1:
        raise RequestError(
            "sampling.guidance_interval must be two rising fractions of the noise range from 0 to 1, such as "
            "[0.1, 0.8]."
        )
    _check_guide(config.sampling.guide)
    if config.training.accumulate > config.training.batch_size:
        raise RequestError(
            f"training.accumulate must be at most training.batch_size ({config.training.batch_size})."
        )
    if config.sampling.steps > config.diffusion.num_steps:
        raise RequestError(
            f"sampling.steps is {config.sampling.steps}, but the schedule has only "
            f"{config.diffusion.num_steps} levels (diffusion.num_steps)."
        )
    _check_labels(config.data)
    _check_transforms(config.data)
    _check_diffusion(config.diffusion)
    _check_family(config)


def check_keys_used(config: Config, keys: Iterable[str]) -> None:
    """Raise RequestError if one of `keys` has no effect on the model family."""
    family = config.family
    for key in keys:
        section, _, name = key.partition(".")
        if section in SECTION_OWNERS and section not in family.sections:
            own = ", ".join(f"{s}.*" for s in family.sections)
            raise RequestError(
                f"{key} is a setting of {SECTION_OWNERS[section]}; {family.noun} uses {own}."
            )
        if section == "sampling" and name not in config.used_sampling:
            note = family.sampling_note.format(config=config)
            raise RequestError(f"{key} is a setting of diffusion models; {note}.")


def _check_family(config: Config) -> None:
    for requirement in config.family.requirements:
        section, name = requirement.key.split(".")
        if not requirement.holds(getattr(getattr(config, section), name)):
            raise RequestError(requirement.message)
    if config.family.is_distilled and config.student.drift and config.training.accumulate > 1:
        raise RequestError(
            "A student that drifts compares the images of a whole batch: set training.accumulate=1 (and "
            "a lower training.batch_size if memory is short), or student.drift=0."
        )
    if config.family.is_distilled and config.student.evaluations > config.diffusion.num_steps:
        raise RequestError(
            f"student.evaluations is {config.student.evaluations}, but the schedule has only "
            f"{config.diffusion.num_steps} levels (diffusion.num_steps)."
        )


def _check_guide(guide: str) -> None:
    kind, _, rest = guide.partition(":")
    is_numbered = kind in ("step", "snapshot") and rest.isascii() and rest.isdecimal()
    is_named = guide in ("", EARLY_GUIDE) or (kind in ("model", "guide") and rest.strip())
    if not is_numbered and not is_named:
        raise RequestError(
            f"sampling.guide cannot be {guide!r}; use early (a state of the run after a tenth of its "
            "training), step:N (a checkpoint of the run), snapshot:N (an average saved by "
            "training.posthoc_ema), model:TARGET, such as model:runs/small, or guide:TARGET (the guide of "
            "that model)."
        )


def _check_labels(data: DataConfig) -> None:
    is_known = data.labels in (True, False, "auto") or data.label_column
    if not is_known and not 2 <= data.clusters <= _MAX_CLUSTERS:
        raise RequestError(
            f"data.labels cannot be {quote(data.labels)}; the choices are true, false, auto (labels if the "
            "data has them), kmeans:K, such as kmeans:10 (K groups of similar images, 2 to "
            f"{_MAX_CLUSTERS}), and file:COLUMN or NAME.csv:COLUMN (a column of a table beside the images)."
        )


def _check_transforms(data: DataConfig) -> None:
    flips = [name for name in data.transforms if name.endswith("flip")]
    if data.augment and flips and data.path in _NOT_MIRRORED:
        raise RequestError(
            f"Mirrored digits are not valid digits: remove {' and '.join(flips)} from data.transforms."
        )
    if data.augment and not data.transforms:
        raise RequestError(
            "data.augment needs transforms: set data.transforms, such as scale,rotate,stretch,translate, or "
            "set data.augment=0."
        )


def _check_diffusion(diffusion: DiffusionConfig) -> None:
    betas = (diffusion.beta_start, diffusion.beta_end)
    if betas[0] > betas[1]:
        raise RequestError(
            f"diffusion.beta_start={betas[0]:g} is larger than diffusion.beta_end={betas[1]:g}; "
            "swap them."
        )
    if diffusion.schedule != "linear" and betas != (
        DiffusionConfig.beta_start,
        DiffusionConfig.beta_end,
    ):
        raise RequestError(
            "diffusion.beta_start and diffusion.beta_end apply to diffusion.schedule=linear only, not "
            f"{diffusion.schedule}; set that schedule, or leave them out."
        )
    if diffusion.schedule == "flow" and diffusion.objective == "noise":
        raise RequestError(
            "The flow schedule ends in pure noise, where the objective noise carries no information about "
            "the image: set diffusion.objective=velocity, v or x0."
        )
    if diffusion.schedule == "edm" and diffusion.objective != "edm":
        raise RequestError(
            "The edm schedule needs scaled network inputs: set diffusion.objective=edm."
        )
    if diffusion.learned_variance and (
        diffusion.schedule in ("flow", "edm") or diffusion.objective not in ("noise", "x0", "v")
    ):
        raise RequestError(
            "diffusion.learned_variance needs a schedule with betas (linear, cosine or sigmoid) and the "
            "objective noise, x0 or v."
        )
