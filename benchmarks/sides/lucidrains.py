"""denoising-diffusion-pytorch: its Unet and GaussianDiffusion, trained as its Trainer does it."""

from __future__ import annotations

from contextlib import nullcontext
from importlib import import_module, metadata
from typing import Any

import torch
from torch import Tensor

from benchmarks.peers import stub_torchvision
from benchmarks.sides import CLIP, RATE, Setup

CHUNK = 100  # images drawn together
EMA = {"beta": 0.995, "update_every": 10}  # the Trainer's defaults
BETAS = (0.9, 0.99)  # likewise


class Lucidrains:
    """v-prediction on the sigmoid schedule and DDIM: the library's defaults."""

    compiled = False

    def __init__(self, setup: Setup, images: Tensor) -> None:
        stub_torchvision()
        library: Any = import_module("denoising_diffusion_pytorch")
        average: Any = import_module("ema_pytorch").EMA
        torch.manual_seed(setup.seed)
        self.setup, self.images = setup, images
        self.network = library.Unet(dim=32, dim_mults=(1, 2, 4), channels=images.shape[1])
        diffusion = library.GaussianDiffusion(
            self.network, image_size=images.shape[-1], sampling_timesteps=20
        )
        self.diffusion = diffusion.to(setup.device)
        self.optimizer = torch.optim.Adam(self.diffusion.parameters(), lr=RATE, betas=BETAS)
        self.average = average(self.diffusion, **EMA).to(setup.device)
        names = ("denoising-diffusion-pytorch", "ema-pytorch")
        self.versions = {name: metadata.version(name) for name in names}

    def step(self) -> Tensor:
        setup = self.setup
        self.diffusion.train()
        chosen = torch.randint(len(self.images), (setup.batch,))
        x = (self.images[chosen].float() / 255).to(setup.device)
        half = torch.autocast(setup.device.partition(":")[0], torch.bfloat16)
        with half if setup.precision == "bf16" else nullcontext():
            loss: Tensor = self.diffusion(x)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.diffusion.parameters(), CLIP)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.average.update()
        return loss.detach()

    def predict(self, x: Tensor, t: Tensor) -> Tensor:
        answer: Tensor = self.network(x, t)
        return answer

    def draw(self, n: int, steps: int, seed: int) -> Tensor:
        torch.manual_seed(seed)
        model = self.average.ema_model
        model.sampling_timesteps = steps
        model.eval()
        parts = [model.sample(batch_size=min(CHUNK, n - done)) for done in range(0, n, CHUNK)]
        return (torch.cat(parts).clamp(0, 1) * 255).round().to(torch.uint8).cpu()

    def state(self) -> dict[str, Any]:
        return {
            "diffusion": self.diffusion.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average.state_dict(),
        }

    def load(self, state: dict[str, Any]) -> None:
        self.diffusion.load_state_dict(state["diffusion"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.average.load_state_dict(state["average"])
