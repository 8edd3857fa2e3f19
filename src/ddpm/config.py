"""One run's configuration: frozen dataclasses, read from and written to JSON. Standard library only.

Every key is documented where it stands. ``Config.from_dict`` refuses unknown keys and wrong types
with the nearest right name; ``with_overrides`` applies the ``--set key.path=value`` of the command line.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import math
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, TypeVar

from ddpm.errors import RequestError

FORMAT_VERSION = 1

ScheduleName = Literal["linear", "cosine", "sigmoid", "flow", "edm"]
ObjectiveName = Literal["noise", "x0", "v", "velocity", "edm"]
WeightingName = Literal["simple", "min-snr", "p2"]
TimeSamplingName = Literal["uniform", "stratified", "lognormal"]
SamplerName = Literal["ancestral", "ddim", "heun", "dpm++2m", "dpm++2m-sde", "unipc"]
SpacingName = Literal["uniform", "trailing", "quadratic", "log-snr", "karras"]


@dataclass(frozen=True)
class DataConfig:
    """Which images, and how they are brought to one shape."""

    path: str = "digits"  # a folder, zip, IDX, .npy or .npz file, or the name of a data set
    size: int | str = (
        "auto"  # a number (square), HxW, or auto: the commonest size up to 64, else 64
    )
    channels: Literal[1, 3, "auto"] = "auto"  # auto: 1 where every image is grey, else 3
    all_images: bool = False  # hold nothing out and keep exact duplicates
    flip: bool = False  # mirror left-right with probability 1/2 (faces yes, digits never)
    shift: int = 0  # shift by up to this many pixels each way, edges repeated
    crop: float = 0.0  # random resized crop of at least 1 - crop of the side; 0 is off
    labels: Literal[True, False, "auto"] = False  # learn class labels; auto: where there are any


@dataclass(frozen=True)
class NetworkConfig:
    """The U-Net's shape; `networks/unet.py` documents each."""

    channels: int = 32  # width of the first level
    multipliers: tuple[int, ...] = (1, 2, 2)  # width of each level, in multiples of channels
    blocks: int = 1  # residual blocks a level
    attention: tuple[int, ...] = ()  # self-attention at these resolutions (shorter side, in pixels)
    patch: int = 1  # space-to-depth: fold patch x patch pixels into channels at the input
    dropout: float = 0.0
    time_embedding: Literal["standard", "slide"] = "standard"  # slide: the course's printed formula
    label_dropout: float = 0.1  # share of labels hidden in training, for classifier-free guidance


@dataclass(frozen=True)
class DiffusionConfig:
    """The noise schedule and what the network predicts."""

    schedule: ScheduleName = "cosine"
    num_steps: int = 1000  # T
    objective: ObjectiveName = "v"
    weighting: WeightingName = "simple"
    time_sampling: TimeSamplingName = "stratified"
    learned_variance: bool = False  # Nichol & Dhariwal 2021: interpolate log-variances, hybrid loss


@dataclass(frozen=True)
class GanConfig:
    """A DCGAN's shape and loss; `networks/dcgan.py` and `models/dcgan.py` document each."""

    latent: int = 100  # numbers that an image is made from
    channels: int = (
        64  # width at the image, of both networks; doubled at each halving, up to 8 times
    )
    label_smoothing: float = (
        0.1  # real images count as 1 - this much to the discriminator; 0 is off
    )


@dataclass(frozen=True)
class TrainingConfig:
    """The optimizer and the clock of a run; counts are optimizer steps."""

    steps: int = 5000  # the run's total; where minutes or epochs are given, it was fixed from them
    minutes: float = 0.0  # the total as time: steps are fixed once, from the first measured steps
    epochs: float = 0.0  # the total as passes over the training images
    batch_size: int = 128
    accumulate: int = 1  # micro-batches a step; the result equals one large batch up to rounding
    learning_rate: float = 1e-3
    optimizer: Literal["adam", "adamw", "muon"] = "adamw"
    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: float = 0.0
    warmup: int = 200  # steps of linear warm-up; 0 is off
    decay: Literal["none", "cosine", "linear"] = "cosine"  # learning rate after the warm-up
    clip: float = 1.0  # gradient norm; 0 is off
    ema: float = 0.999  # decay of the weight average, warmed up; 0 is off
    precision: Literal["auto", "fp32", "bf16"] = (
        "auto"  # auto: bf16 where the machine computes in it
    )
    seed: int = 0
    checkpoint_every: int = 500
    preview_every: int = 500
    heldout_every: int = 250
    tensorboard: bool = False  # also write TensorBoard events (the extra `track`)


@dataclass(frozen=True)
class SamplingConfig:
    """How this run draws by default."""

    sampler: SamplerName = "dpm++2m"
    steps: int = (
        20  # network evaluations (heun takes about two a step); ancestral: a respaced subset
    )
    spacing: SpacingName = "log-snr"
    eta: float = 0.0  # DDIM's η: 0 deterministic, 1 like ancestral
    churn: float = 0.0  # EDM's S_churn, for heun
    variance: Literal["small", "large"] = "small"  # ancestral: posterior variance or beta_t
    clip: Literal["static", "dynamic", "none"] = "static"  # of the predicted x0
    guidance: float = 1.0  # classifier-free guidance scale; 1 is none
    guidance_interval: tuple[float, float] = (0.0, 1.0)  # share of the noise range where it acts
    chunk: int = 25  # images drawn together; the last chunk is padded


@dataclass(frozen=True)
class Config:
    """Everything that decides a run. One JSON file, `config.json`, in its folder."""

    preset: str = "digits"
    model: Literal["ddpm", "dcgan"] = "ddpm"
    data: DataConfig = field(default_factory=DataConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    diffusion: DiffusionConfig = field(default_factory=DiffusionConfig)
    gan: GanConfig = field(default_factory=GanConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    sampling: SamplingConfig = field(default_factory=SamplingConfig)

    @property
    def has_reverse_process(self) -> bool:
        """Whether an image appears step by step out of noise, rather than in one pass."""
        return self.model != "dcgan"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, with the format's version."""
        return {"format": FORMAT_VERSION, **dataclasses.asdict(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Config:
        """The configuration that ``to_dict`` wrote; RequestError on unknown keys or wrong types."""
        version = values.get("format", FORMAT_VERSION)
        if version != FORMAT_VERSION:
            raise RequestError(
                f"This configuration has format {version}, but this version of ddpm-studio reads "
                f"format {FORMAT_VERSION}; use the version that wrote it, or train again."
            )
        config = _build(cls, {k: v for k, v in values.items() if k != "format"}, "")
        check(config)
        return config


Section = TypeVar("Section")


def differences(one: Config, other: Config) -> list[str]:
    """The keys in which two configurations differ."""
    return [key for key in _keys(Config) if get(one, key) != get(other, key)]


def get(config: Config, key: str) -> Any:
    """The value at a key such as ``training.steps``."""
    value: Any = config
    for name in key.split("."):
        value = getattr(value, name)
    return value


def with_overrides(config: Config, assignments: Iterable[str]) -> Config:
    """The configuration with each ``key.path=value`` applied; values are JSON or bare words."""
    keys = []
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals:
            raise RequestError(
                f"--set needs key.path=value, such as training.steps=2000; got {key!r}."
            )
        config = _assign(config, key.strip().split("."), _parse(text.strip()), key.strip())
        keys.append(key.strip())
    check(config)
    _check_heard(config, keys)
    return config


def load_config(path: Any) -> Config:
    """The configuration in a JSON file (`path`: pathlib.Path)."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise RequestError(
            f"{path} is not a readable configuration ({error}); bring it back from a copy, or train "
            "again with another --out."
        ) from error
    if not isinstance(values, dict):
        raise RequestError(f"{path} does not hold a configuration (a JSON object is needed).")
    return Config.from_dict(values)


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        words = {"True": True, "False": False, "yes": True, "no": False}
        return words.get(text, text)


def _nearest(name: str, choices: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(choices), n=1, cutoff=0.5)
    return f"did you mean {close[0]}? " if close else ""


def unknown(what: str, name: object, choices: Iterable[str]) -> RequestError:
    """The error for a name that is not in a table: the nearest right name, then all of them."""
    names = list(dict.fromkeys(choices))
    hint = _nearest(str(name), names)
    return RequestError(
        f"There is no {what} {str(name)!r}; {hint}the choices are {', '.join(names)}."
    )


def _unknown_key(key: str) -> RequestError:
    """The error for a key that no section has: the nearest right one, then those of its section."""
    names = _keys(Config)
    section = key.partition(".")[0]
    inside = [name for name in names if name.startswith(f"{section}.")]
    sections = dict.fromkeys(name.partition(".")[0] for name in names)
    there = (
        f"{section} has {', '.join(inside)}" if inside else f"keys begin with {', '.join(sections)}"
    )
    return RequestError(f"There is no configuration key {key!r}; {_nearest(key, names)}{there}.")


def _assign(section: Section, path: list[str], value: Any, key: str) -> Section:
    names = [f.name for f in fields(section)]  # type: ignore[arg-type]
    name, rest = path[0], path[1:]
    if name not in names:
        raise _unknown_key(key)
    current = getattr(section, name)
    if rest and not dataclasses.is_dataclass(current):
        raise _unknown_key(key)
    if not rest and dataclasses.is_dataclass(current):
        raise RequestError(
            f"{key} is a section; set one of its keys, such as {_keys(type(current), key + '.')[0]}."
        )
    new = (
        _assign(current, rest, value, key)
        if rest
        else _coerce(value, _hints(type(section))[name], key)
    )
    return replace(section, **{name: new})  # type: ignore[type-var]


def _keys(section: Any, prefix: str = "") -> list[str]:
    hints = _hints(section)
    found: list[str] = []
    for f in fields(section):
        if dataclasses.is_dataclass(hints[f.name]):
            found += _keys(hints[f.name], f"{prefix}{f.name}.")
        else:
            found.append(prefix + f.name)
    return found


def _hints(section: Any) -> dict[str, Any]:
    return typing.get_type_hints(section)


def _build(section: type[Section], values: Any, prefix: str) -> Section:
    if not isinstance(values, Mapping):
        raise RequestError(
            f"{prefix.rstrip('.') or 'The configuration'} must be an object of keys and values."
        )
    hints = _hints(section)
    built: dict[str, Any] = {}
    for name, value in values.items():
        if name not in hints:
            raise _unknown_key(f"{prefix}{name}")
        hint = hints[name]
        nested = dataclasses.is_dataclass(hint)
        built[name] = (
            _build(hint, value, f"{prefix}{name}.")
            if nested
            else _coerce(value, hint, prefix + name)
        )
    return section(**built)


def _coerce(value: Any, hint: Any, key: str) -> Any:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        if value in args and type(value) in {type(a) for a in args}:
            return value
        raise RequestError(
            f"{key} cannot be {value!r}; {_nearest(str(value), map(str, args))}"
            f"the choices are {', '.join(map(str, args))}."
        )
    if origin is tuple:
        return _coerce_tuple(value, args, key)
    allowed = args if origin in (types.UnionType, typing.Union) else (hint,)
    if float in allowed and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if int in allowed and isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
        raise RequestError(f"{key} must be {_type_words(allowed)}, not {value!r}.")
    if isinstance(value, float) and not math.isfinite(value):
        raise RequestError(f"{key} must be a finite number, not {value!r}.")
    return value


def _coerce_tuple(value: Any, args: tuple[Any, ...], key: str) -> tuple[Any, ...]:
    if isinstance(value, str | int | float):
        try:
            value = [_parse(part) for part in str(value).split(",") if part.strip()]
        except ValueError:
            value = [value]
    if not isinstance(value, list | tuple):
        raise RequestError(f"{key} must be a list such as [1, 2, 2], not {value!r}.")
    if args[-1] is not Ellipsis and len(value) != len(args):
        raise RequestError(f"{key} needs {len(args)} values, not {len(value)}.")
    return tuple(_coerce(item, args[0], key) for item in value)


def _type_words(allowed: tuple[Any, ...]) -> str:
    words = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
    return " or ".join(words.get(t, t.__name__) for t in allowed)


# key -> (lowest, highest) value that makes sense
_BOUNDS: dict[str, tuple[float, float]] = {
    "data.shift": (0, 64),
    "data.crop": (0, 0.9),
    "network.channels": (1, 4096),
    "network.blocks": (1, 16),
    "network.patch": (1, 16),
    "network.dropout": (0, 0.95),
    "network.label_dropout": (0, 1),
    "diffusion.num_steps": (2, 100_000),
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
    "training.seed": (0, 2**63 - 1),
    "training.checkpoint_every": (1, 10**9),
    "training.preview_every": (1, 10**9),
    "training.heldout_every": (1, 10**9),
    "sampling.steps": (1, 100_000),
    "sampling.eta": (0, 1),
    "sampling.churn": (0, 10_000),
    "sampling.guidance": (0, 100),
    "sampling.chunk": (1, 2**16),
}


def check(config: Config) -> None:
    """Values that no run can have, refused before anything is written."""
    for key, (low, high) in _BOUNDS.items():
        section, name = key.split(".")
        value = getattr(getattr(config, section), name)
        if not low <= value <= high:
            raise RequestError(f"{key} must lie between {low:g} and {high:g}, not {value:g}.")
    if not config.network.multipliers or not all(1 <= m <= 64 for m in config.network.multipliers):
        raise RequestError(
            "network.multipliers needs one whole number from 1 to 64 a level, such as [1, 2, 2]."
        )
    if any(a < 1 for a in config.network.attention):
        raise RequestError("network.attention lists resolutions in pixels, such as [7] or [16, 8].")
    if not all(0 <= b < 1 for b in config.training.betas):
        raise RequestError("training.betas must lie in [0, 1), such as [0.9, 0.99].")
    low, high = config.sampling.guidance_interval
    if not 0 <= low <= high <= 1:
        raise RequestError(
            "sampling.guidance_interval needs two rising shares of the noise range, such as [0.1, 0.8]."
        )
    if config.training.accumulate > config.training.batch_size:
        raise RequestError("training.accumulate cannot be larger than training.batch_size.")
    if config.sampling.steps > config.diffusion.num_steps:
        raise RequestError(
            f"sampling.steps is {config.sampling.steps}, but the schedule has only "
            f"{config.diffusion.num_steps} (diffusion.num_steps)."
        )
    _check_diffusion(config.diffusion)
    if config.model == "dcgan":
        _check_dcgan(config)


def _check_heard(config: Config, keys: Iterable[str]) -> None:
    """RequestError where a key is set that the model does not listen to."""
    for key in keys:
        section = key.split(".")[0]
        if config.model == "ddpm" and section == "gan":
            raise RequestError(
                f"{key} is a setting of a DCGAN; this is a diffusion model, whose own are network.* and "
                "diffusion.*."
            )
        if config.model == "dcgan" and section in ("network", "diffusion"):
            raise RequestError(
                f"{key} is a setting of a diffusion model; a DCGAN's own are "
                f"{', '.join(_keys(GanConfig, 'gan.'))}."
            )
        if config.model == "dcgan" and section == "sampling" and key != "sampling.chunk":
            raise RequestError(
                f"{key} is a setting of diffusion models; a DCGAN draws in one pass of its generator: "
                "leave it out."
            )


def _check_dcgan(config: Config) -> None:
    if config.data.labels:
        raise RequestError("A DCGAN learns no labels; set data.labels=false.")
    if config.training.accumulate > 1:
        raise RequestError(
            "A DCGAN's batch normalization needs each batch whole: set training.accumulate=1, and a "
            "smaller training.batch_size where memory is short."
        )
    if config.training.batch_size < 2:
        raise RequestError(
            "A DCGAN's batch normalization compares images: training.batch_size must be at least 2."
        )


def _check_diffusion(diffusion: DiffusionConfig) -> None:
    if diffusion.schedule == "flow" and diffusion.objective == "noise":
        raise RequestError(
            "The flow schedule ends in pure noise, where predicted noise says nothing about the image; "
            "use diffusion.objective=velocity (or v, x0)."
        )
    if diffusion.schedule == "edm" and diffusion.objective != "edm":
        raise RequestError(
            "The edm schedule needs diffusion.objective=edm, which scales the network's input."
        )
    if diffusion.learned_variance and (
        diffusion.schedule in ("flow", "edm") or diffusion.objective not in ("noise", "x0", "v")
    ):
        raise RequestError(
            "diffusion.learned_variance needs a schedule of betas (linear, cosine, sigmoid) and the "
            "objective noise, x0 or v."
        )
