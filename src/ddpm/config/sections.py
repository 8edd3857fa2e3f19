"""One run's configuration: frozen dataclasses, every key documented where it stands."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from ddpm.config.families import FAMILIES, Family

FORMAT_VERSION = 1

ScheduleName = Literal["linear", "cosine", "sigmoid", "flow", "edm"]
ObjectiveName = Literal["noise", "x0", "v", "velocity", "edm"]
WeightingName = Literal["simple", "min-snr", "p2"]
TimeSamplingName = Literal["uniform", "stratified", "lognormal"]
TransformName = Literal["x-flip", "y-flip", "scale", "rotate", "stretch", "translate"]
SamplerName = Literal["ancestral", "ddim", "heun", "dpm++2m", "dpm++2m-sde", "unipc"]
SpacingName = Literal["uniform", "trailing", "quadratic", "log-snr", "karras", "compact"]
ScaleName = Literal["cpu", "small-gpu", "big-gpu"]


@dataclass(frozen=True)
class DataConfig:
    """Which images, and how they are brought to one shape."""

    path: str = (
        "digits"  # a folder, zip, tar, IDX, .npy or .npz file, a data set's name, hf:OWNER/NAME
    )
    size: int | str = (
        "auto"  # a number (square), HxW, or auto: the commonest size up to 64, else 64
    )
    channels: Literal[1, 3, "auto"] = "auto"  # auto: 1 where every image is grey, else 3
    all_images: bool = False  # hold nothing out and keep exact duplicates
    flip: bool = False  # mirror left-right with probability 1/2 (faces yes, digits never)
    shift: int = 0  # shift by up to this many pixels each way, edges repeated
    crop: float = 0.0  # random resized crop of at least 1 - crop of the side; 0 is off
    augment: float = 0.0  # probability of each transform, of which the network is told; 0 is off
    transforms: tuple[TransformName, ...] = ("scale", "rotate", "stretch", "translate")
    labels: bool | str = False  # learn class labels; auto: where there are any; kmeans:K: K groups

    @property
    def clusters(self) -> int:
        """K of `kmeans:K`: groups found among the images stand in for labels; else 0."""
        kind, _, count = str(self.labels).partition(":")
        return int(count[:9]) if kind == "kmeans" and count.isdecimal() else 0


@dataclass(frozen=True)
class NetworkConfig:
    """The U-Net's shape; `networks/unet.py` documents each."""

    channels: int = 32  # width of the first level
    multipliers: tuple[int, ...] = (1, 2, 2)  # width of each level, in multiples of channels
    blocks: int = 1  # residual blocks a level
    attention: tuple[int, ...] = ()  # self-attention at these resolutions (shorter side, in pixels)
    patch: int = 1  # space-to-depth: fold patch x patch pixels into channels at the input
    dropout: float = 0.0  # in every residual block, before its second convolution; 0 is off
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
    """A DCGAN's shape and loss; `networks/gan.py` and `models/dcgan.py` document each."""

    latent: int = 100  # numbers that an image is made from
    channels: int = (
        64  # width at the image, of both networks; doubled at each halving, up to 8 times
    )
    label_smoothing: float = (
        0.1  # real images count as 1 - this much to the discriminator; 0 is off
    )


@dataclass(frozen=True)
class StudentConfig:
    """A few-step student; `models/student.py` documents it."""

    evaluations: int = 4  # of the network, that an image takes: 1 to 4


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
    posthoc_ema: int = 0  # times that averages are put aside for `ddpm ema`, such as 24; 0 is off
    precision: Literal["auto", "fp32", "bf16"] = (
        "auto"  # auto: bf16 where the machine computes in it
    )
    compile: Literal["auto", "on", "off"] = (
        "auto"  # torch.compile; auto: for 2000 steps or 10 minutes and more on a graphics card
    )
    seed: int = 0
    checkpoint_every: int = 500
    preview_every: int = 500
    heldout_every: int = 250
    memorization_every: int = 2000  # steps between looks for memorization; 0 is off
    tensorboard: bool = False  # also write TensorBoard events (the extra `track`)


@dataclass(frozen=True)
class SamplingConfig:
    """How this run draws by default."""

    sampler: SamplerName = "dpm++2m"
    steps: int = 20  # of the solver; heun asks the network twice a step, guidance twice again
    spacing: SpacingName = "log-snr"
    eta: float = 0.0  # DDIM's η: 0 deterministic, 1 like ancestral
    churn: float = 0.0  # EDM's S_churn, for heun
    variance: Literal["small", "large"] = "small"  # ancestral: posterior variance or beta_t
    clip: Literal["static", "dynamic", "none"] = "static"  # of the predicted x0
    guidance: float = 1.0  # guidance scale; 1 is none
    guide: str = ""  # away from: step:N, snapshot:N (the run then), model:TARGET; "": from no label
    guidance_interval: tuple[float, float] = (0.0, 1.0)  # share of the noise range where it acts
    chunk: int = 25  # images drawn together; the last chunk is padded

    @property
    def autoguided(self) -> bool:
        """Whether a worse model guides, rather than the absence of a label."""
        return self.guide != "" and self.guidance != 1


@dataclass(frozen=True)
class Config:
    """Everything that decides a run. One JSON file, `config.json`, in its folder."""

    preset: str = "digits"
    model: Literal["ddpm", "dcgan", "student"] = "ddpm"  # student: of a few steps, see ddpm distill
    scale: ScaleName = "cpu"  # which of the preset's sizes; chosen for the device, see presets.py
    data: DataConfig = field(default_factory=DataConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    diffusion: DiffusionConfig = field(default_factory=DiffusionConfig)
    gan: GanConfig = field(default_factory=GanConfig)
    student: StudentConfig = field(default_factory=StudentConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    sampling: SamplingConfig = field(default_factory=SamplingConfig)

    @property
    def family(self) -> Family:
        """What the model family can do: the row of `FAMILIES`."""
        return FAMILIES[self.model]

    @property
    def has_reverse_process(self) -> bool:
        """Whether images form step by step from noise, not in one pass."""
        return self.family.has_reverse_process

    @property
    def used_sampling(self) -> tuple[str, ...]:
        """Names of the settings of `sampling` that the model family uses."""
        return self.family.sampling_keys or tuple(f.name for f in fields(SamplingConfig))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, with the format's version."""
        return {"format": FORMAT_VERSION, **dataclasses.asdict(self)}
