"""Noise schedules: the amounts of image (signal) and noise (sigma) at each time.

Every path is x_t = signal_t x0 + sigma_t noise: Ho et al. 2020 (arXiv:2006.11239), Eq. 4, where
signal = sqrt(alpha_bar) and sigma = sqrt(1 - alpha_bar); Kingma et al. 2021 (arXiv:2107.00630)
write alpha_t and sigma_t. The time t runs 0 .. T-1 in code for 1 .. T in the papers. Tables are
float64 on the CPU; `Schedule.at` casts them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ddpm.diffusion.cited import Cited, check_known

MAX_BETA = 0.999  # Nichol & Dhariwal 2021: avoids a singularity at the last steps of a schedule
PURE_NOISE_LOG_SNR = -10.5  # just below the end of Ho's linear schedule: no visible signal


@dataclass(frozen=True, eq=False)
class Schedule:
    """Tables of signal and noise in x_t, for t = 0 .. T-1; noise rises with t."""

    name: str
    signal: Tensor  # [T] float64
    sigma: Tensor  # [T] float64
    _cast: dict[tuple[torch.dtype, torch.device], tuple[Tensor, Tensor]] = field(
        default_factory=dict, init=False, repr=False
    )  # both tables, by dtype and device

    def __len__(self) -> int:
        return len(self.signal)

    @property
    def alpha_bars(self) -> Tensor:
        """signal² [T]. ValueError unless signal² + sigma² = 1, as for `alphas` and `betas`."""
        squared = self.signal.square()
        if not torch.allclose(squared + self.sigma.square(), torch.ones_like(squared)):
            raise ValueError(
                f"the {self.name} schedule does not preserve variance and has no betas; "
                "use signal and sigma, or the linear, cosine or sigmoid schedule"
            )
        return squared

    @property
    def alphas(self) -> Tensor:
        """alpha_bar_t / alpha_bar_{t-1} [T]."""
        alpha_bars = self.alpha_bars
        return torch.cat([alpha_bars[:1], alpha_bars[1:] / alpha_bars[:-1]])

    @property
    def betas(self) -> Tensor:
        """1 - alphas [T]."""
        return 1 - self.alphas

    @property
    def snr(self) -> Tensor:
        """(signal / sigma)² [T]."""
        return (self.signal / self.sigma).square()

    @property
    def log_snr(self) -> Tensor:
        """ln SNR [T], falling with t; -inf at the last step of a path with zero terminal SNR."""
        return 2 * (self.signal.log() - self.sigma.log())

    @property
    def has_zero_terminal_snr(self) -> bool:
        """Whether the last step is pure noise (Lin et al. 2024, arXiv:2305.08891)."""
        return float(self.signal[-1]) == 0.0

    def at(self, t: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
        """Return (signal, sigma) at times t [N], each [N, 1, 1, 1] in `like`'s dtype, on its device."""
        key = like.dtype, t.device
        if key not in self._cast:  # once: a copy waits for a graphics card to finish its work
            self._cast[key] = (
                self.signal.to(like.dtype).to(t.device),
                self.sigma.to(like.dtype).to(t.device),
            )
        signal, sigma = self._cast[key]
        return gather(signal, t, like), gather(sigma, t, like)


def gather(table: Tensor, t: Tensor, like: Tensor) -> Tensor:
    """Return entries of a table [T] at times t [N] as [N, 1, 1, 1], with the dtype and device of `like`."""
    return table.to(like.dtype).to(t.device)[t].to(like.device).view(-1, 1, 1, 1)


def linear(num_steps: int, beta_start: float = 1e-4, beta_end: float = 0.02) -> Schedule:
    """Return the schedule of Ho et al. 2020, section 4: betas `beta_start` .. `beta_end` at T = 1000.

    For another T the betas are multiplied by 1000/T, which keeps the terminal SNR unchanged.
    Betas above 0.999 (by default below T = 21) are clipped at 0.999.
    """
    betas = torch.linspace(beta_start, beta_end, num_steps, dtype=torch.float64, device="cpu") * (
        1000 / num_steps
    )
    return _variance_preserving("linear", betas)


def cosine(num_steps: int) -> Schedule:
    """Return alpha_bar = cos²((u + s)/(1 + s) pi/2), Nichol & Dhariwal 2021 (arXiv:2102.09672), Eq. 17."""
    s = 0.008
    u = torch.linspace(0, 1, num_steps + 1, dtype=torch.float64, device="cpu")
    f = ((u + s) / (1 + s) * math.pi / 2).cos().square()
    return _variance_preserving("cosine", 1 - f[1:] / f[:-1])


def sigmoid(num_steps: int) -> Schedule:
    """Return alpha_bar as a sigmoid, -3 to 3, tau = 1 (Jabri et al. 2022, arXiv:2212.11972)."""
    u = torch.linspace(-3, 3, num_steps + 1, dtype=torch.float64, device="cpu").sigmoid()
    f = (u[-1] - u) / (u[-1] - u[0])
    return _variance_preserving("sigmoid", 1 - f[1:] / f[:-1])


def flow(num_steps: int) -> Schedule:
    """Return the straight path x_t = (1 - u) x0 + u noise, u = (t + 1)/T; it ends in pure noise.

    Flow matching: Lipman et al. 2023 (arXiv:2210.02747), Liu et al. 2023 (arXiv:2209.03003).
    """
    u = torch.arange(1, num_steps + 1, dtype=torch.float64, device="cpu") / num_steps
    return Schedule("flow", signal=1 - u, sigma=u)


def edm(num_steps: int) -> Schedule:
    """Return signal 1 and sigma from 0.002 to 80 (Karras et al. 2022, arXiv:2206.00364).

    sigma is log-uniform, so that t is affine in c_noise = ln(sigma)/4, the time input of the paper's network.
    """
    log_sigma = torch.linspace(
        math.log(0.002), math.log(80), num_steps, dtype=torch.float64, device="cpu"
    )
    return Schedule("edm", signal=torch.ones_like(log_sigma), sigma=log_sigma.exp())


def _variance_preserving(name: str, betas: Tensor) -> Schedule:
    alpha_bars = (1 - betas.clamp(max=MAX_BETA)).cumprod(dim=0)
    return Schedule(name, signal=alpha_bars.sqrt(), sigma=(1 - alpha_bars).sqrt())


SCHEDULES: dict[str, Cited[[int], Schedule]] = {
    "linear": Cited(linear, "ddpm"),
    "cosine": Cited(cosine, "cosine"),
    "sigmoid": Cited(sigmoid, "sigmoid"),
    "flow": Cited(flow, "flow"),
    "edm": Cited(edm, "edm"),
}


def make_schedule(name: str, num_steps: int, **betas: float) -> Schedule:
    """Return the named schedule of T = num_steps >= 2 steps; `linear` takes beta_start and beta_end.

    ValueError for an unknown name.
    """
    check_known("schedule", name, SCHEDULES)
    if not isinstance(num_steps, int) or num_steps < 2:
        raise ValueError(
            f"a schedule needs a whole number of steps, at least 2; got num_steps = {num_steps!r}"
        )
    return linear(num_steps, **betas) if name == "linear" else SCHEDULES[name](num_steps)
