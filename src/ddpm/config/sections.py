"""Configuration of a run: one frozen dataclass per section. The comments document the keys.

Bounds of numbers are in `config/checks.py`.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

from ddpm.config.families import FAMILIES, Family

FORMAT_VERSION = 1

ScheduleName = Literal["linear", "cosine", "sigmoid", "flow", "edm"]
ObjectiveName = Literal["noise", "x0", "v", "velocity", "edm"]
WeightingName = Literal["simple", "min-snr", "p2", "learned"]
TimeSamplingName = Literal["uniform", "stratified", "lognormal"]
TransformName = Literal["x-flip", "y-flip", "scale", "rotate", "stretch", "translate"]
SamplerName = Literal[
    "ancestral",
    "ddim",
    "euler",
    "euler-ancestral",
    "heun",
    "dpm++2m",
    "dpm++2m-sde",
    "dpm++3m-sde",
    "unipc",
]
SpacingName = Literal["uniform", "trailing", "quadratic", "log-snr", "karras", "compact"]
NetworkName = Literal["unet", "edm2", "dit", "diffusers", "lucidrains", "course"]
ScaleName = Literal["cpu", "small-gpu", "big-gpu"]


@dataclass(frozen=True)
class DataConfig:
    """Images to train on, their common shape, and augmentation."""

    path: str = "digits"  # images (docs/installation.md), data set name, hf:OWNER/NAME
    size: int | str = "auto"  # pixels: N (square) or HxW; auto: the most common size, else 64
    channels: Literal[1, 3, "auto"] = "auto"  # 1 gray, 3 color; auto: 1 if every image is gray
    range: str = "full"  # stretched pixel values: LOW:HIGH; auto: the set's own; full: none
    all_images: bool = False  # train on all images: hold none out, keep exact duplicates
    flip: bool = False  # mirror left-right with probability 1/2 (for faces; never for digits)
    shift: int = 0  # largest random shift each way in pixels, edges repeated; 0: off
    crop: float = 0.0  # random resized crop, each side at least 1 - crop of the image; 0: off
    augment: float = 0.0  # probability of each of `transforms`; the network sees which; 0: off
    transforms: tuple[TransformName, ...] = ("scale", "rotate", "stretch", "translate")
    # learn classes; auto: if the data has them; kmeans:K: K clusters; file:COLUMN: from a table
    labels: bool | str = False

    @property
    def clusters(self) -> int:
        """K of `kmeans:K`, the number of clusters that serve as classes; else 0."""
        kind, _, count = str(self.labels).partition(":")
        return int(count[:9]) if kind == "kmeans" and count.isdecimal() else 0

    @property
    def label_column(self) -> str:
        """`labels` if it is FILE:COLUMN, where FILE is a table beside the images or `file`; else ""."""
        file, _, column = str(self.labels).partition(":")
        is_table = file == "file" or file.lower().endswith((".csv", ".tsv"))
        return str(self.labels) if is_table and column.strip() else ""


@dataclass(frozen=True)
class NetworkConfig:
    """Shape of the network. `networks/kinds.py` lists the settings of each kind; it ignores the others."""

    kind: NetworkName = "unet"  # architecture, see `networks/kinds.py`
    channels: int = 32  # width of the first level
    multipliers: tuple[int, ...] = (1, 2, 2)  # width of each level, in multiples of `channels`
    blocks: int = 1  # residual blocks per level
    attention: tuple[int, ...] = ()  # self-attention at these resolutions (shorter side, pixels)
    patch: int = 1  # side of the pixel blocks folded into channels (dit: tokens); 1: off
    width: int = 96  # of the tokens of a dit
    depth: int = 6  # transformer blocks of a dit
    heads: int = 4  # attention heads of a dit
    positions: Literal["sinusoid", "rotary"] = "sinusoid"  # encoding of a dit's patches
    long_skips: bool = False  # join the first half of a dit's blocks to the second (U-ViT)
    dropout: float = 0.0  # dropout probability in every residual block; 0: off
    time_embedding: Literal["standard", "slide"] = "standard"  # slide: see `networks/embeddings.py`
    self_conditioning: bool = False  # the network also sees its previous prediction
    norm: Literal["group", "layer"] = "group"  # normalization of a unet: by groups, or by position
    skips: Literal["concat", "add"] = "concat"  # join of a unet's way up with its skip connections
    groups: int = 0  # GroupNorm groups of every layer of a unet; 0: about 8 channels in each group
    sinusoids: int = 0  # dimensions of a unet's sinusoid of t; 0: those of the time embedding
    layout: str = ""  # settings of an imported network as JSON, written by `ddpm import`
    label_dropout: float = 0.1  # fraction of labels hidden in training (classifier-free guidance)


@dataclass(frozen=True)
class DiffusionConfig:
    """Noise schedule and prediction target."""

    schedule: ScheduleName = "cosine"  # see `diffusion/schedules.py`
    num_steps: int = 1000  # T, the number of noise levels
    beta_start: float = 1e-4  # first beta of the schedule linear, at T = 1000
    beta_end: float = 0.02  # last beta of the schedule linear, at T = 1000
    objective: ObjectiveName = "v"  # what the network predicts, see `diffusion/objectives.py`
    weighting: WeightingName = "simple"  # weight of each noise level in the loss
    time_sampling: TimeSamplingName = "stratified"  # distribution of t in training
    huber: float = 0.0  # c of the pseudo-Huber loss; 0: squared error
    noise_candidates: int = 1  # draws of noise an image takes the nearest of; 1: plain noise
    noise_assignment: bool = False  # pair the noises of a batch with near images
    offset_noise: float = 0.0  # deviation of noise shared by all pixels of a channel; 0: off
    learned_variance: bool = False  # learn the reverse variance (Nichol & Dhariwal 2021)

    @property
    def betas(self) -> dict[str, float]:
        """The first and the last beta, as arguments of the schedule."""
        return {"beta_start": self.beta_start, "beta_end": self.beta_end}

    @property
    def levels(self) -> dict[str, str | int | float]:
        """The settings that determine the noise levels; betas belong to the schedule linear alone."""
        betas = self.betas if self.schedule == "linear" else {}
        return {"schedule": self.schedule, "num_steps": self.num_steps, **betas}


@dataclass(frozen=True)
class GanConfig:
    """Shape and loss of a DCGAN, see `networks/gan.py` and `models/dcgan.py`."""

    latent: int = 100  # length of the latent vector
    channels: int = 64  # width of both networks at full resolution; doubles per halving, up to 8x
    label_smoothing: float = 0.1  # target of real images is 1 - label_smoothing; 0: off


@dataclass(frozen=True)
class StudentConfig:
    """Few-step student of `ddpm distill`, see `models/student.py`."""

    evaluations: int = 4  # network evaluations per image, 1 to 8
    target: Literal["jump", "image"] = "jump"  # of a step: its end, or the image (consistency)
    guidance: float = 0.0  # of the teacher; 0: as it samples
    drift: float = 0.0  # share of the steps, the last ones, that move its images toward real ones
    spacing: SpacingName = "trailing"  # noise levels of the teacher's trajectories


@dataclass(frozen=True)
class PolishConfig:
    """Loss of `ddpm polish`, see `diffusion/discriminative.py`."""

    strength: float = 2.8  # of the log-ratio between the model and its reference
    generated_weight: float = 1.0  # of generated images in the loss, relative to real ones


@dataclass(frozen=True)
class TrainingConfig:
    """Optimizer and length of a run; counts are optimizer steps."""

    steps: int = 5000  # total steps; computed from `minutes` or `epochs` if one of them is set
    minutes: float = 0.0  # total time, converted to steps from the speed of the first steps; 0: off
    epochs: float = 0.0  # total passes over the training images; 0: off
    batch_size: int = 128  # images per step
    accumulate: int = 1  # micro-batches per step; the gradient is the same up to rounding
    learning_rate: float = 1e-3  # highest learning rate, after the warmup
    optimizer: Literal["adam", "adamw", "muon"] = "adamw"
    betas: tuple[float, float] = (0.9, 0.99)  # of Adam and AdamW
    weight_decay: float = 0.0  # 0: off
    warmup: int = 200  # steps of linear warmup; 0: off
    decay: Literal["none", "cosine", "linear", "inverse-sqrt"] = (
        "cosine"  # learning rate after the warmup
    )
    clip: float = 1.0  # largest gradient norm; 0: off
    ema: float = 0.999  # decay per step of the averaged weights, warmed up; 0: off
    posthoc_ema: int = 0  # snapshots of averages saved for `ddpm ema`, such as 24; 0: off
    precision: Literal["auto", "fp32", "bf16"] = "auto"  # auto: bf16 if the hardware supports it
    compile: Literal["auto", "on", "off"] = "auto"  # torch.compile; auto: for long runs on a GPU
    seed: int = 0
    checkpoint_every: int = 500  # steps
    preview_every: int = 500  # steps
    heldout_every: int = 250  # steps between measurements of the held-out loss
    memorization_every: int = 2000  # steps between checks for memorization; 0: off
    tensorboard: bool = False  # also write TensorBoard events (extra `track`)


EARLY_GUIDE = (
    "early"  # sampling.guide: the saved state of the run nearest to a tenth of its training
)


@dataclass(frozen=True)
class SamplingConfig:
    """Default sampling settings of a run."""

    sampler: SamplerName = "dpm++2m"  # see `diffusion/samplers.py`
    steps: int = 20  # solver steps, of 1 network evaluation each (heun: 2); guidance doubles it
    spacing: SpacingName = "log-snr"  # placement of the steps, see `diffusion/levels.py`
    eta: float = 0.0  # η of ddim: 0 is deterministic, 1 like ancestral
    churn: float = 0.0  # S_churn of heun (Karras et al. 2022); 0: deterministic
    variance: Literal["small", "large"] = "small"  # of ancestral: posterior variance, or beta_t
    clip: Literal["static", "dynamic", "none"] = "static"  # clipping of the predicted x0
    guidance: float = 1.0  # guidance scale; 1: off
    # guide away from early, step:N, snapshot:N, model:TARGET or guide:TARGET (the guide of that model);
    # "": the unlabeled prediction
    guide: str = ""
    guide_scale: float = (
        0.0  # of the guide, beside `guidance` toward the label; 0: `guidance` is the guide's
    )
    guidance_interval: tuple[float, float] = (0.0, 1.0)  # part of the noise range that is guided
    guidance_rescale: float = 0.0  # share of the contrast that guidance adds and this removes
    classifier_guidance: float = 0.0  # scale of guidance by the bundled digit classifier; 0: off
    chunk: int = 25  # images sampled together; the last chunk is padded

    @property
    def autoguided(self) -> bool:
        """Whether a weaker model guides (autoguidance), not the unlabeled prediction."""
        return self.guide != "" and self.guidance != 1


def with_early_state(sampling: SamplingConfig, state: str) -> SamplingConfig:
    """Return the settings with `state` in place of the guide `early`; without guidance if `state` is ""."""
    if sampling.guide != EARLY_GUIDE:
        return sampling
    return replace(sampling, guide=state) if state else without_guide(sampling)


def without_guide(sampling: SamplingConfig) -> SamplingConfig:
    """Return the settings without autoguidance; guidance toward the label beside it stays."""
    if not sampling.guide:
        return sampling
    guidance = sampling.guidance if sampling.guide_scale else 1.0
    return replace(sampling, guide="", guide_scale=0.0, guidance=guidance)


@dataclass(frozen=True)
class Config:
    """Full configuration of a run, stored as `config.json` in its folder."""

    preset: str = "digits"  # preset that the configuration started from
    model: Literal["ddpm", "dcgan", "student", "polished"] = (
        "ddpm"  # student: see `ddpm distill`; polished: `ddpm polish`
    )
    scale: ScaleName = "cpu"  # size of the preset, chosen for the device
    data: DataConfig = field(default_factory=DataConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    diffusion: DiffusionConfig = field(default_factory=DiffusionConfig)
    gan: GanConfig = field(default_factory=GanConfig)
    student: StudentConfig = field(default_factory=StudentConfig)
    polish: PolishConfig = field(default_factory=PolishConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    sampling: SamplingConfig = field(default_factory=SamplingConfig)

    @property
    def family(self) -> Family:
        """Capabilities of the model family."""
        return FAMILIES[self.model]

    @property
    def has_reverse_process(self) -> bool:
        """Whether images are generated from noise in steps, not in one pass."""
        return self.family.has_reverse_process

    @property
    def used_sampling(self) -> tuple[str, ...]:
        """Names of the `sampling` settings that the model family uses."""
        return self.family.sampling_keys or tuple(f.name for f in fields(SamplingConfig))

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values, with the version of the format."""
        return {"format": FORMAT_VERSION, **dataclasses.asdict(self)}
