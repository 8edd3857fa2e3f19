"""A diffusers pipeline for weights of ddpm-studio; `ddpm export --to diffusers` copies it as pipeline.py.

    pipeline = DiffusionPipeline.from_pretrained(FOLDER, trust_remote_code=True)
    images = pipeline(batch_size=4, generator=[torch.Generator().manual_seed(s) for s in range(4)]).images

With one generator for each image, image i is that of `ddpm sample --seed i --sampler ddim`, and for a
few-step student that of `ddpm sample --seed i`.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from diffusers import DiffusionPipeline, ImagePipelineOutput
from diffusers.utils.torch_utils import randn_tensor

# output of the network, x_t, signal, sigma → the clean image x0
TO_X0: dict[str, Any] = {
    "noise": lambda out, x, signal, sigma: (x - sigma * out) / signal,
    "x0": lambda out, x, signal, sigma: out,
    "v": lambda out, x, signal, sigma: (signal * x - sigma * out) / (signal**2 + sigma**2),
    "velocity": lambda out, x, signal, sigma: (x - sigma * out) / (signal + sigma),
}


def clip_dynamic(x0: Any) -> Any:
    """Return x0 clipped at the 99.5th percentile of its absolute values (arXiv:2205.11487, section 2.3)."""
    values = x0.abs().flatten(1).sort(dim=1).values
    rank = max(math.ceil(0.995 * values.shape[1]), 1) - 1
    limit = values[:, rank].clamp(min=1).view(-1, 1, 1, 1)
    return torch.minimum(torch.maximum(x0, -limit), limit) / limit


CLIPS: dict[str, Any] = {
    "static": lambda x0: x0.clamp(-1, 1),
    "dynamic": clip_dynamic,
    "none": lambda x0: x0,
}


class DdpmStudioPipeline(DiffusionPipeline):
    """Sampling with classes, guidance, pixel blocks and any path x_t = signal x0 + sigma noise.

    A U-Net of ddpm-studio is a UNet2DModel without a time embedding of its own: its class embedding is a
    table with a row for each label and time. `settings` are in model_index.json.
    """

    def __init__(self, unet: Any, scheduler: Any, settings: dict[str, Any] | None = None) -> None:
        super().__init__()
        self.register_modules(unet=unet, scheduler=scheduler)
        self.register_to_config(settings=settings or {})
        self.settings = settings or {}
        for module in unet.modules():  # of each width; the stock class has one number for all
            if isinstance(module, torch.nn.GroupNorm) and self.settings["groups"]:
                module.num_groups = self.settings["groups"][str(module.num_channels)]
            if hasattr(module, "to_q") and self.settings["heads"]:
                module.heads = self.settings["heads"][str(module.to_q.in_features)]

    @torch.no_grad()
    def __call__(
        self,
        batch_size: int = 1,
        generator: Any = None,
        labels: list[int] | None = None,
        guidance_scale: float | None = None,
        num_inference_steps: int = 50,
        output_type: str = "pil",
        return_dict: bool = True,
    ) -> Any:
        """Sample images; `labels` are classes, one for each image, None for no label.

        A few-step student ignores `guidance_scale` and `num_inference_steps`.
        """
        own, device = self.settings, self._execution_device

        def noise() -> Any:
            shape = (batch_size, *own["image_shape"])
            return randn_tensor(shape, generator=generator, device=device, dtype=self.unet.dtype)

        if own["table"] is not None:
            state = self.jump(noise, labels)
        else:
            scale = own["guidance"] if guidance_scale is None else guidance_scale
            state = self.walk(noise(), labels, scale, num_inference_steps)
        images = (state / 2 + 0.5).clamp(0, 1).cpu().permute(0, 2, 3, 1).float().numpy()
        pictures = self.numpy_to_pil(images) if output_type == "pil" else images
        return ImagePipelineOutput(images=pictures) if return_dict else (pictures,)

    def walk(self, noise: Any, labels: list[int] | None, scale: float, steps: int) -> Any:
        """Return the images [N, C, H, W] that the scheduler reaches from noise in `steps`."""
        own = self.settings
        signal, sigma = (
            torch.tensor(own[name], dtype=torch.float64) for name in ("signal", "sigma")
        )
        norm = (signal**2 + sigma**2).sqrt()
        state, x0 = noise * float(sigma[-1] / norm[-1]), torch.zeros_like(noise)
        self.scheduler.set_timesteps(steps)
        for step in self.progress_bar(self.scheduler.timesteps):
            t = int(step)
            x0 = self.denoise(state * float(norm[t]), t, labels, scale, x0)
            state = self.scheduler.step(x0, step, state).prev_sample
        return state

    def jump(self, noise: Any, labels: list[int] | None) -> Any:
        """Return the images of a few-step student, by its table of coefficients."""
        table = self.settings["table"]
        x = table["start"] * noise()
        for t, scale, weight, _, _, *fresh in self.progress_bar(table["updates"]):
            x = scale * x + weight * self.denoise(x, t, labels, 1.0, torch.zeros_like(x))
            x = x + fresh[0] * noise() if fresh and fresh[0] else x
        return x

    def denoise(self, x: Any, t: int, labels: list[int] | None, scale: float, before: Any) -> Any:
        """Return the clean image predicted from x_t [N, C, H, W], guided and clipped.

        A self-conditioned network sees `before`, the prediction of the step before, zeros at first.
        """
        own = self.settings
        low, high = own["guidance_interval"]
        before = before if own["feeds_back"] else torch.zeros_like(x)
        x0 = self.predict(x, t, labels, before)
        if labels is not None and scale != 1 and low <= t / (len(own["signal"]) - 1) <= high:
            free = self.predict(x, t, None, before)
            x0 = free + scale * (x0 - free)
        return CLIPS[own["clip"]](x0)

    def predict(self, x: Any, t: int, labels: list[int] | None, before: Any) -> Any:
        """Return the network's prediction of the clean image."""
        own, (height, width) = self.settings, x.shape[-2:]
        signal, sigma = own["signal"][t], own["sigma"][t]
        mean = x.new_tensor(own["data_mean"]).view(1, -1, 1, 1)
        total = (sigma**2 + (own["data_std"] * signal) ** 2) ** 0.5  # deviation of x_t
        scaled = (x - signal * mean) / total if own["objective"] == "edm" else x
        if own["self_conditioning"]:
            scaled = torch.cat([scaled, before], dim=1)
        padded = F.pad(scaled, (0, -width % own["multiple"], 0, -height % own["multiple"]))
        rows = None
        if self.unet.class_embedding is not None:
            known = [own["num_classes"]] * len(x) if labels is None else labels
            rows = torch.tensor(known, device=x.device)
            if own["classes_and_times"]:  # in one table
                rows = rows * len(own["signal"]) + t
        out = self.unet(F.pixel_unshuffle(padded, own["patch"]), t, class_labels=rows).sample
        out = out[:, : x.shape[1] * own["patch"] ** 2]  # without a learned variance
        out = F.pixel_shuffle(out, own["patch"])[..., :height, :width]
        if own["objective"] != "edm":
            return TO_X0[own["objective"]](out, x, signal, sigma)
        skip = own["data_std"] ** 2 * signal * (x - signal * mean) / total**2
        return mean + skip + out * sigma * own["data_std"] / total
