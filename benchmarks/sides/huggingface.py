"""diffusers: UNet2DModel, trained as its script train_unconditional.py does it."""

from __future__ import annotations

import copy
from contextlib import nullcontext
from importlib import import_module, metadata
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.sides import CLIP, RATE, Setup

CHUNK = 100  # images drawn together
EMA = {"decay": 0.9999, "use_ema_warmup": True, "inv_gamma": 1.0, "power": 0.75}  # the script's


class Diffusers:
    """Noise prediction on linear betas (the defaults of the script), sampled with DPM-Solver++."""

    compiled = False

    def __init__(self, setup: Setup, images: Tensor) -> None:
        self.library: Any = import_module("diffusers")
        average: Any = import_module("diffusers.training_utils").EMAModel
        torch.manual_seed(setup.seed)
        self.setup, self.images = setup, images
        self.network = self.library.UNet2DModel(
            sample_size=images.shape[-1],
            in_channels=images.shape[1],
            out_channels=images.shape[1],
            layers_per_block=2,
            block_out_channels=(32, 64, 128),
            down_block_types=("DownBlock2D", "DownBlock2D", "AttnDownBlock2D"),
            up_block_types=("AttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
        ).to(setup.device)
        self.noising = self.library.DDPMScheduler(num_train_timesteps=1000)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=RATE)
        self.average = average(self.network.parameters(), **EMA)
        self.versions = {"diffusers": metadata.version("diffusers")}

    def step(self) -> Tensor:
        setup = self.setup
        self.network.train()
        chosen = torch.randint(len(self.images), (setup.batch,))
        x0 = (self.images[chosen].float() / 127.5 - 1).to(setup.device)
        noise = torch.randn_like(x0)
        t = torch.randint(1000, (len(x0),), device=x0.device)
        half = torch.autocast(setup.device.partition(":")[0], torch.bfloat16)
        with half if setup.precision == "bf16" else nullcontext():
            answer = self.predict(self.noising.add_noise(x0, noise, t), t)
            loss = F.mse_loss(answer.float(), noise)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), CLIP)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.average.step(self.network.parameters())
        return loss.detach()

    def predict(self, x: Tensor, t: Tensor) -> Tensor:
        answer: Tensor = self.network(x, t).sample
        return answer

    @torch.no_grad()
    def draw(self, n: int, steps: int, seed: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        network = copy.deepcopy(self.network).eval()
        self.average.copy_to(network.parameters())
        shape = self.images.shape[1:]
        parts = [
            self._chunk(
                network, torch.randn(min(CHUNK, n - done), *shape, generator=generator), steps
            )
            for done in range(0, n, CHUNK)
        ]
        return ((torch.cat(parts) + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).cpu()

    def _chunk(self, network: Any, x: Tensor, steps: int) -> Tensor:
        """Run the solver once from the noise `x`."""
        kind = self.library.DPMSolverMultistepScheduler  # dpmsolver++ of order 2 by default
        solver = kind.from_config(self.noising.config)
        solver.set_timesteps(steps)
        x = x.to(self.setup.device)
        for t in solver.timesteps:
            x = solver.step(network(x, t).sample, t, x).prev_sample
        return x

    def state(self) -> dict[str, Any]:
        return {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average.state_dict(),
        }

    def load(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.average.load_state_dict(state["average"])
