"""Files of other programs, made for the tests of `ddpm import`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import DDIMPipeline, DDIMScheduler, UNet2DModel
from torch import Tensor

from ddpm.diffusion.schedules import make_schedule
from ddpm.networks.course_unet import CourseUNet
from ddpm.networks.layouts import layout_text
from ddpm.networks.lucidrains_unet import LucidrainsUNet
from tests.networks.restatements import Weights, random_weights

LUCIDRAINS = {
    "dim": 8, "init_dim": 8, "dim_mults": [1, 2], "full_attention": [False, True], "heads": [2, 3],
    "dim_head": [4, 8], "theta": 10_000.0,
}  # fmt: skip


def save_pipeline(folder: Path, *, classes: int | None = None, **scheduler: Any) -> DDIMPipeline:
    """A folder of a small DDIMPipeline, by diffusers' own save_pretrained."""
    torch.manual_seed(0)
    unet = UNet2DModel(
        sample_size=8,
        in_channels=1,
        out_channels=1,
        block_out_channels=(8, 16),
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"),
        norm_num_groups=4,
        layers_per_block=1,
        num_class_embeds=classes,
    )
    for parameter in unet.parameters():
        parameter.data.mul_(1.5)
    settings = {"timestep_spacing": "trailing", **scheduler}
    pipeline = DDIMPipeline(unet.eval(), DDIMScheduler(**settings))
    pipeline.save_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def lucidrains_checkpoint(
    path: Path, schedule: str = "sigmoid", objective: str = "v", min_snr: bool = False
) -> Weights:
    """A Trainer's checkpoint with an average; returns the averaged weights of the network."""
    network = LucidrainsUNet(1, 1, (8, 8), layout=layout_text(LUCIDRAINS))
    weights = random_weights(network.state_dict())
    betas = make_schedule(schedule, 100).betas
    alpha_bars = (1 - betas).cumprod(0)
    snr = alpha_bars / (1 - alpha_bars)
    used = snr.clamp(max=5) if min_snr else snr
    loss_weight = {"noise": used / snr, "x0": used, "v": used / (snr + 1)}[objective]
    buffers = {"betas": betas.float(), "loss_weight": loss_weight.float()}

    def named(prefix: str, scale: float) -> dict[str, Tensor]:
        inner = {f"{prefix}model.{name}": scale * w for name, w in weights.items()}
        return {**inner, **{f"{prefix}{name}": value for name, value in buffers.items()}}

    ema = {"initted": torch.tensor(True), "step": torch.tensor(7), **named("ema_model.", 1.0)}
    model = named("", 0.5)
    torch.save(
        {"step": 7, "model": model, "ema": ema, "opt": {}, "scaler": None, "version": "2"}, path
    )
    return weights


def course_state_dict(path: Path, prefix: str = "network.") -> Weights:
    """The state dict of the course's network; returns its weights."""
    layout = '{"widths": [4, 8, 16], "time_dim": 12}'
    network = CourseUNet(1, 1, (28, 28), layout=layout, num_steps=40)
    weights = random_weights(network.state_dict())
    torch.save({f"{prefix}{name}": tensor for name, tensor in weights.items()}, path)
    return weights
