"""Samplers: one generator function for each algorithm, from x_T to the image.

A sampler walks `levels` from the noisiest and yields every step after its update. It calls
`denoise(x, t)` for x0_hat; the noise in x is then (x - signal x0_hat) / sigma. Coefficients
are Python floats. h is the step in lambda = ln(signal / sigma), infinite where a path begins
without signal and if it ends without noise: there every sampler takes its first-order step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from ddpm.arguments import check_choice, check_number
from ddpm.diffusion.levels import Levels
from ddpm.diffusion.schedules import PURE_NOISE_LOG_SNR


class Prediction(NamedTuple):
    """The output of a denoiser for x_t."""

    x0: Tensor  # [N, C, H, W], already guided and clipped
    variance: Tensor | None = None  # learned interpolation, 0 small .. 1 large; for ancestral


class Step(NamedTuple):
    """The state of a sampler after an update."""

    index: int  # type: ignore[assignment]  # hides tuple.index: the level just reached, 1 .. S
    x: Tensor  # the state at that level
    x0: Tensor  # the clean image predicted for the update


@dataclass(frozen=True)
class SamplerOptions:
    """Options that apply to some samplers; the others ignore them."""

    eta: float = 0.0  # ddim: 0 deterministic .. 1 as noisy as ancestral
    churn: float = 0.0  # heun: S_churn, the noise added back over the whole path
    variance: Literal["small", "large"] = "small"  # ancestral: posterior variance, or beta_t

    def __post_init__(self) -> None:
        check_number("eta", self.eta, 0, 1)
        check_number("churn", self.churn, 0)
        check_choice("variance", self.variance, ("small", "large"))


Denoiser = Callable[[Tensor, Tensor], Prediction]  # (x [N, C, H, W], t [N] int64)
Noise = Callable[[], Tensor]  # the next standard normal, shaped like x
SamplingLoop = Callable[[Denoiser, Levels, Tensor, Noise, SamplerOptions], Iterator[Step]]


def starting_noise(levels: Levels, noise: Noise) -> Tensor:
    """Return x at the first level: noise times its sigma (about 1; edm schedule: 80)."""
    return float(levels.sigma[0]) * noise()


def times(x: Tensor, t: int) -> Tensor:
    """Return the time t for every image of x, int64 [N]."""
    return torch.full((len(x),), t, dtype=torch.int64, device=x.device)


def ancestral(
    denoise: Denoiser, levels: Levels, x: Tensor, noise: Noise, options: SamplerOptions
) -> Iterator[Step]:
    """Sample by Algorithm 2 of Ho et al. 2020, in terms of x0_hat (Eq. 6-7), for any subset of the levels.

    The variance is the posterior's ("small"), the forward step's ("large", beta_t), or learned
    between the two (Nichol & Dhariwal 2021, Eq. 15).
    """
    t, signal, sigma = levels.t.tolist(), levels.signal.tolist(), levels.sigma.tolist()
    for i in range(len(levels)):  # line 2
        x0, learned = denoise(x, times(x, t[i]))
        ratio = signal[i] / signal[i + 1]
        large = sigma[i] ** 2 - ratio**2 * sigma[i + 1] ** 2  # beta_t between neighbors
        share = sigma[i + 1] ** 2 / sigma[i] ** 2  # small = share * large
        x = ratio * share * x + signal[i + 1] * large / sigma[i] ** 2 * x0
        if sigma[i + 1] > 0:  # line 3: z = 0 at the last step
            small = float(options.variance == "small") if learned is None else 1 - learned
            x = x + math.sqrt(large) * share ** (small / 2) * noise()  # line 4
        yield Step(i + 1, x, x0)


def ddim(
    denoise: Denoiser, levels: Levels, x: Tensor, noise: Noise, options: SamplerOptions
) -> Iterator[Step]:
    """Sample by DDIM, Song et al. 2021 (arXiv:2010.02502), Eq. 12, with the noise of Eq. 16 times eta."""
    t, signal, sigma = levels.t.tolist(), levels.signal.tolist(), levels.sigma.tolist()
    for i in range(len(levels)):
        x0 = denoise(x, times(x, t[i])).x0
        noise_hat = (x - signal[i] * x0) / sigma[i]
        forward = sigma[i] ** 2 - (signal[i] / signal[i + 1] * sigma[i + 1]) ** 2
        new_share = options.eta**2 * forward / sigma[i] ** 2  # share of the variance, Eq. 16
        x = signal[i + 1] * x0 + sigma[i + 1] * math.sqrt(1 - new_share) * noise_hat  # Eq. 12
        if new_share > 0 and sigma[i + 1] > 0:
            x = x + sigma[i + 1] * math.sqrt(new_share) * noise()
        yield Step(i + 1, x, x0)


def churned(
    levels: Levels, i: int, x: Tensor, noise: Noise, options: SamplerOptions
) -> tuple[Tensor, int, float, float]:
    """Return x with the noise of Karras et al. 2022, Algorithm 2, lines 4-6, and its t, signal and sigma.

    The new level is the table's nearest at or above the paper's s_hat; where there is none, nothing is added.
    """
    schedule, signal, sigma = levels.schedule, float(levels.signal[i]), float(levels.sigma[i])
    table = schedule.sigma / schedule.signal
    gamma = min(options.churn / len(levels), math.sqrt(2) - 1)
    t = int(levels.t[i])
    noisier = int(torch.searchsorted(table, table[t] * (1 + gamma)))
    if gamma == 0 or noisier == len(table) or not schedule.signal[noisier] > 0:
        return x, t, signal, sigma
    a_hat, sigma_hat = float(schedule.signal[noisier]), float(schedule.sigma[noisier])
    added = sigma_hat**2 - (a_hat / signal * sigma) ** 2
    return a_hat / signal * x + math.sqrt(added) * noise(), noisier, a_hat, sigma_hat


def euler(
    denoise: Denoiser, levels: Levels, x: Tensor, noise: Noise, options: SamplerOptions
) -> Iterator[Step]:
    """Sample by Euler's method: `heun` without its correction (Karras et al. 2022, Algorithm 2, lines 4-8).

    One evaluation a step. Without churn each step is that of `ddim`.
    """
    signal, sigma = levels.signal.tolist(), levels.sigma.tolist()
    for i in range(len(levels)):
        x, level, a_hat, sigma_hat = churned(levels, i, x, noise, options)
        x0 = denoise(x, times(x, level)).x0
        shrink = sigma[i + 1] / signal[i + 1] * a_hat / sigma_hat  # s' / s_hat
        x = sigma[i + 1] / sigma_hat * x + signal[i + 1] * (1 - shrink) * x0
        yield Step(i + 1, x, x0)


def euler_ancestral(
    denoise: Denoiser, levels: Levels, x: Tensor, noise: Noise, options: SamplerOptions
) -> Iterator[Step]:
    """Sample by Euler's method to s_down, then add noise up to s'.

    Song et al. 2021, arXiv:2011.13456, appendix F:
    s_down = s'^2 / s and s_up^2 = s'^2 - s_down^2, for s = sigma / signal. These are the steps of `ddim` with
    eta = 1, and of `ancestral` with the small variance.
    """
    t, signal, sigma = levels.t.tolist(), levels.signal.tolist(), levels.sigma.tolist()
    for i in range(len(levels)):
        x0 = denoise(x, times(x, t[i])).x0
        ratio = sigma[i + 1] / signal[i + 1] * signal[i] / sigma[i]  # s' / s = s_down / s'
        slope = (x - signal[i] * x0) / sigma[i]  # the noise in x
        x = signal[i + 1] * x0 + sigma[i + 1] * ratio * slope
        if sigma[i + 1] > 0:
            x = x + sigma[i + 1] * math.sqrt(1 - ratio**2) * noise()
        yield Step(i + 1, x, x0)


def heun(
    denoise: Denoiser, levels: Levels, x: Tensor, noise: Noise, options: SamplerOptions
) -> Iterator[Step]:
    """Sample by Algorithm 2 of Karras et al. 2022, with y = x / signal and s = sigma / signal on any path.

    About two evaluations a step. The second order is the trapezoid's correction of Euler's step,
    (s' - s)(d' - d)/2, where d' - d = (x0 - x0')/s'.
    """
    t, signal, sigma = levels.t.tolist(), levels.signal.tolist(), levels.sigma.tolist()
    # at a larger s a step is nearly infinite: Euler only
    max_ratio = math.exp(-PURE_NOISE_LOG_SNR / 2)
    for i in range(len(levels)):
        x, level, a_hat, sigma_hat = churned(levels, i, x, noise, options)  # lines 4-6
        x0 = denoise(x, times(x, level)).x0
        shrink = sigma[i + 1] / signal[i + 1] * a_hat / sigma_hat  # s' / s_hat
        x = sigma[i + 1] / sigma_hat * x + signal[i + 1] * (1 - shrink) * x0  # lines 7-8
        if sigma[i + 1] > 0 and sigma_hat < max_ratio * a_hat:
            x0, euler = denoise(x, times(x, t[i + 1])).x0, x0
            x = x + signal[i + 1] * (1 / shrink - 1) / 2 * (x0 - euler)  # lines 10-11
        yield Step(i + 1, x, x0)


def dpmpp_2m(
    denoise: Denoiser, levels: Levels, x: Tensor, noise: Noise, options: SamplerOptions
) -> Iterator[Step]:
    """Sample by DPM-Solver++(2M), Lu et al. 2022 (arXiv:2211.01095), Algorithm 2."""
    t, signal, sigma = levels.t.tolist(), levels.signal.tolist(), levels.sigma.tolist()
    h = levels.half_log_snr.diff().tolist()
    previous = x
    for i in range(len(levels)):
        x0 = denoise(x, times(x, t[i])).x0
        slope = 0.0 if i == 0 or math.isinf(h[i]) else h[i] / (2 * h[i - 1])  # 1/(2r)
        ahead = x0 + slope * (x0 - previous)
        x = sigma[i + 1] / sigma[i] * x - signal[i + 1] * math.expm1(-h[i]) * ahead
        previous = x0
        yield Step(i + 1, x, x0)


def dpmpp_2m_sde(
    denoise: Denoiser, levels: Levels, x: Tensor, noise: Noise, options: SamplerOptions
) -> Iterator[Step]:
    """Sample by SDE-DPM-Solver++(2M), Lu et al. 2022, section 5: `dpmpp_2m` with the SDE's noise."""
    t, signal, sigma = levels.t.tolist(), levels.signal.tolist(), levels.sigma.tolist()
    h = levels.half_log_snr.diff().tolist()
    previous = x
    for i in range(len(levels)):
        x0 = denoise(x, times(x, t[i])).x0
        slope = 0.0 if i == 0 or math.isinf(h[i]) else h[i] / (2 * h[i - 1])  # 1/(2r)
        ahead = x0 + slope * (x0 - previous)
        decay = sigma[i + 1] / sigma[i] * math.exp(-h[i])
        x = decay * x - signal[i + 1] * math.expm1(-2 * h[i]) * ahead
        if sigma[i + 1] > 0:
            x = x + sigma[i + 1] * math.sqrt(-math.expm1(-2 * h[i])) * noise()
        previous = x0
        yield Step(i + 1, x, x0)


def dpmpp_3m_sde(
    denoise: Denoiser, levels: Levels, x: Tensor, noise: Noise, options: SamplerOptions
) -> Iterator[Step]:
    """Sample by SDE-DPM-Solver++(3M): `dpmpp_2m_sde` with the parabola through the last three x0.

    Over a step of length h, x0 is read as x0 + d1 z + d2 z^2 for z = 0 .. 1 and integrated exactly against
    u e^(-u (1 - z)), u = 2 h (Lu et al. 2022, Eq. 4 and section 5): weights phi_1, phi_2, phi_3.
    """
    t, signal, sigma = levels.t.tolist(), levels.signal.tolist(), levels.sigma.tolist()
    h = levels.half_log_snr.diff().tolist()
    before = previous = x  # x0 at levels i - 2 and i - 1
    for i in range(len(levels)):
        x0 = denoise(x, times(x, t[i])).x0
        ahead = -math.expm1(-2 * h[i]) * x0  # phi_1
        if i > 0 and math.isfinite(h[i]):
            phi_2 = 1 + math.expm1(-2 * h[i]) / (2 * h[i])
            phi_3 = 1 - phi_2 / h[i]
            d1, d2 = h[i] / h[i - 1] * (x0 - previous), 0.0 * x0
            if i > 1:
                older = h[i] / h[i - 2] * (previous - before)
                d2 = (d1 - older) / (h[i - 1] / h[i] + h[i - 2] / h[i])
                d1 = d1 + d2 * (h[i - 1] / h[i])
            ahead = ahead + phi_2 * d1 + phi_3 * d2
        x = sigma[i + 1] / sigma[i] * math.exp(-h[i]) * x + signal[i + 1] * ahead
        if sigma[i + 1] > 0:
            x = x + sigma[i + 1] * math.sqrt(-math.expm1(-2 * h[i])) * noise()
        before, previous = previous, x0
        yield Step(i + 1, x, x0)


def lcm(
    consistency: Denoiser, levels: Levels, x: Tensor, noise: Noise, options: SamplerOptions
) -> Iterator[Step]:
    """Sample by multistep consistency sampling (Song et al. 2023, arXiv:2303.01469, Algorithm 1).

    This is also the sampler of latent consistency models (LCM, Luo et al. 2023, arXiv:2310.04378).
    `consistency(x, t).x0` is the end of the trajectory through x, not the mean of the images that x may come
    from. Each step goes there and adds the noise of the next level. With a denoiser instead, images would
    lack variety; SAMPLERS is the table for denoisers, so it has no row for this.
    """
    t, signal, sigma = levels.t.tolist(), levels.signal.tolist(), levels.sigma.tolist()
    for i in range(len(levels)):
        x0 = consistency(x, times(x, t[i])).x0
        x = x0 if sigma[i + 1] == 0 else signal[i + 1] * x0 + sigma[i + 1] * noise()
        yield Step(i + 1, x, x0)


def unipc(
    denoise: Denoiser, levels: Levels, x: Tensor, noise: Noise, options: SamplerOptions
) -> Iterator[Step]:
    """Sample by UniPC-2 with B(h) = e^h - 1 on x0 (Zhao et al. 2023, arXiv:2302.04867, Algorithms 5-8).

    One evaluation a step: the prediction at the new point first corrects the step that led there
    (UniC-2), then predicts the next (UniP-2). Yields the predicted points.
    """
    t, signal, sigma = levels.t.tolist(), levels.signal.tolist(), levels.sigma.tolist()
    h = levels.half_log_snr.diff().tolist()
    base, before, previous = x, x, x  # x at level i - 1; x0 at levels i - 2 and i - 1
    for i in range(len(levels)):
        x0 = denoise(x, times(x, t[i])).x0
        if i > 0 and math.isfinite(h[i - 1]):  # UniC
            phi_1 = math.expm1(-h[i - 1])  # B(h) for x0 prediction
            phi_2 = -phi_1 / h[i - 1] - 1
            phi_3 = -phi_2 / h[i - 1] - 0.5
            bend = 0.5 * (x0 - previous)
            if i > 1:
                r = h[i - 2] / h[i - 1]
                rho = (phi_2 - 2 * phi_3) / phi_1 / (1 + r)
                bend = rho / r * (previous - before) + (phi_2 / phi_1 - rho) * (x0 - previous)
            x = sigma[i] / sigma[i - 1] * base - signal[i] * phi_1 * (previous + bend)
        slope = 0.0 if i == 0 or math.isinf(h[i]) else h[i] / (2 * h[i - 1])  # UniP: as DPM++(2M)
        ahead = x0 + slope * (x0 - previous)
        base, before, previous = x, previous, x0
        x = sigma[i + 1] / sigma[i] * x - signal[i + 1] * math.expm1(-h[i]) * ahead
        yield Step(i + 1, x, x0)


@dataclass(frozen=True)
class Sampler:
    """A sampling algorithm and its properties. Calling it runs the algorithm."""

    run: SamplingLoop
    source: str  # key of its paper in documents/citations.SOURCES
    order: int  # of convergence to the solution of the ODE or SDE, as the paper states it
    default_steps: int | None  # None: every level of the schedule
    min_steps: int  # with fewer steps, images are visibly unfinished
    is_deterministic: bool = True  # it adds no noise if eta and churn are 0
    default_spacing: str = "compact"

    def __call__(
        self, denoise: Denoiser, levels: Levels, x: Tensor, noise: Noise, options: SamplerOptions
    ) -> Iterator[Step]:
        return self.run(denoise, levels, x, noise, options)


SAMPLERS: dict[str, Sampler] = {
    "ancestral": Sampler(
        ancestral, "ddpm", 1, None, 100, is_deterministic=False, default_spacing="uniform"
    ),
    "ddim": Sampler(ddim, "ddim", 1, 50, 20),
    "euler": Sampler(euler, "edm", 1, 30, 15, default_spacing="karras"),
    "euler-ancestral": Sampler(
        euler_ancestral, "ode", 1, 40, 20, is_deterministic=False, default_spacing="karras"
    ),
    "heun": Sampler(heun, "edm", 2, 18, 10),
    "dpm++2m": Sampler(dpmpp_2m, "dpm++", 2, 20, 8),
    "dpm++2m-sde": Sampler(dpmpp_2m_sde, "dpm++", 2, 25, 12, is_deterministic=False),
    "dpm++3m-sde": Sampler(dpmpp_3m_sde, "dpm++", 3, 25, 12, is_deterministic=False),
    "unipc": Sampler(unipc, "unipc", 3, 15, 6),
}
