"""Training objectives: the network's target, the clean image from its output, and Algorithm 1's loss.

All tensors are [N, C, H, W], signal and sigma [N, 1, 1, 1]. Every objective works with every
schedule, except the two pairs that `make_objective` refuses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ddpm.arguments import check_type
from ddpm.diffusion.cited import Cited, check_known
from ddpm.diffusion.likelihood import vlb_term
from ddpm.diffusion.schedules import Schedule


@dataclass(frozen=True)
class Objective:
    """The network's input, its target, and the conversion of its output to a clean image."""

    name: str
    network_input: Callable[[Tensor, Tensor, Tensor], Tensor]  # (x_t, signal, sigma)
    target: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]  # (x0, noise, signal, sigma)
    to_x0: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]  # (output, x_t, signal, sigma)
    x0_scale: Callable[[Tensor, Tensor], Tensor]  # squared error of the output over that of x0


def unscaled(x_t: Tensor, signal: Tensor, sigma: Tensor) -> Tensor:
    """Return x_t, for objectives that do not scale the network's input."""
    return x_t


NOISE = Objective(  # Ho et al. 2020, section 3.2
    "noise",
    network_input=unscaled,
    target=lambda x0, noise, signal, sigma: noise,
    to_x0=lambda output, x_t, signal, sigma: (x_t - sigma * output) / signal,
    x0_scale=lambda signal, sigma: (signal / sigma).square(),
)

X0 = Objective(
    "x0",
    network_input=unscaled,
    target=lambda x0, noise, signal, sigma: x0,
    to_x0=lambda output, x_t, signal, sigma: output,
    x0_scale=lambda signal, sigma: torch.ones_like(sigma),
)

V = Objective(  # Salimans & Ho 2022 (arXiv:2202.00512), appendix D, where signal² + sigma² = 1
    "v",
    network_input=unscaled,
    target=lambda x0, noise, signal, sigma: signal * noise - sigma * x0,
    to_x0=lambda output, x_t, signal, sigma: (
        (signal * x_t - sigma * output) / (signal.square() + sigma.square())
    ),
    x0_scale=lambda signal, sigma: ((signal.square() + sigma.square()) / sigma).square(),
)

VELOCITY = Objective(  # Lipman et al. 2023, Liu et al. 2023: dx/du of the straight path
    "velocity",
    network_input=unscaled,
    target=lambda x0, noise, signal, sigma: noise - x0,
    to_x0=lambda output, x_t, signal, sigma: (x_t - sigma * output) / (signal + sigma),
    x0_scale=lambda signal, sigma: ((signal + sigma) / sigma).square(),
)


def edm(data_mean: Tensor, data_std: float) -> Objective:
    """Return the objective D = mean + c_skip (y - mean) + c_out F(c_in (y - mean)).

    Karras et al. 2022, Eq. 7 and Table 1, on any path: the paper's y and sigma are x_t / signal and
    sigma / signal, multiplied out so that a signal of 0 needs no special case. The mean [C] and
    sigma_data, the deviation from it, are measured from the data.
    """
    if data_std <= 0:
        raise ValueError(
            "the images are all one flat color (data_std is 0); give images that differ"
        )

    def variance(signal: Tensor, sigma: Tensor) -> Tensor:  # variance of x_t
        return sigma.square() + (data_std * signal).square()

    def mean(like: Tensor) -> Tensor:
        return data_mean.to(like).view(1, -1, 1, 1)

    def network_input(x_t: Tensor, signal: Tensor, sigma: Tensor) -> Tensor:
        return (x_t - signal * mean(x_t)) / variance(signal, sigma).sqrt()

    def target(x0: Tensor, noise: Tensor, signal: Tensor, sigma: Tensor) -> Tensor:
        scaled = sigma * (x0 - mean(x0)) / data_std - signal * data_std * noise
        return scaled / variance(signal, sigma).sqrt()

    def to_x0(output: Tensor, x_t: Tensor, signal: Tensor, sigma: Tensor) -> Tensor:
        skip = data_std**2 * signal * (x_t - signal * mean(x_t)) / variance(signal, sigma)
        return mean(x_t) + skip + output * sigma * data_std / variance(signal, sigma).sqrt()

    def x0_scale(signal: Tensor, sigma: Tensor) -> Tensor:
        return variance(signal, sigma) / (sigma * data_std).square()

    return Objective("edm", network_input, target, to_x0, x0_scale)


# (data_mean [C], data_std) → the objective
OBJECTIVES: dict[str, Cited[[Tensor, float], Objective]] = {
    "noise": Cited(lambda data_mean, data_std: NOISE, "ddpm"),
    "x0": Cited(lambda data_mean, data_std: X0, "ddpm"),
    "v": Cited(lambda data_mean, data_std: V, "v"),
    "velocity": Cited(lambda data_mean, data_std: VELOCITY, "flow"),
    "edm": Cited(edm, "edm"),
}


def make_objective(name: str, schedule: Schedule, data_mean: Tensor, data_std: float) -> Objective:
    """Return the named objective for this schedule; data_mean [C] and data_std are for edm.

    ValueError: an unknown name, noise prediction with zero terminal SNR, or an unscaled network input
    on a path whose noise is larger than 1.
    """
    check_known("objective", name, OBJECTIVES)
    if name == "noise" and schedule.has_zero_terminal_snr:
        raise ValueError(
            f"noise prediction cannot recover the image at the last step of the {schedule.name} "
            "schedule, which is pure noise; choose objective v, x0, velocity or edm"
        )
    if name != "edm" and float(schedule.sigma[-1]) > 1:
        raise ValueError(
            f"the {schedule.name} schedule's noise goes up to {float(schedule.sigma[-1]):g}, too "
            "much for an unscaled network input; choose objective edm, or another schedule"
        )
    return OBJECTIVES[name](data_mean, data_std)


# A weight multiplies the squared error of the output: (snr, x0_scale), each [N, 1, 1, 1].
# Weights that a paper gives for the error of x0 are divided by x0_scale.
WEIGHTINGS: dict[str, Cited[[Tensor, Tensor], Tensor]] = {
    # Ho et al. 2020, Eq. 14; for the edm objective EDM's own weight
    "simple": Cited(lambda snr, x0_scale: torch.ones_like(snr), "ddpm"),
    # Hang et al. 2023, arXiv:2303.09556
    "min-snr": Cited(lambda snr, x0_scale: snr.clamp(max=5) / x0_scale, "min-snr"),
    # Choi et al. 2022, arXiv:2204.00227
    "p2": Cited(lambda snr, x0_scale: snr / (1 + snr) / x0_scale, "p2"),
    # Karras et al. 2024, arXiv:2312.02696, Eq. 21: the uncertainty of `training_loss` does the weighting
    "learned": Cited(lambda snr, x0_scale: torch.ones_like(snr), "lengths"),
}


def training_loss(
    predict: Callable[[Tensor, Tensor], Tensor],
    schedule: Schedule,
    objective: Objective,
    x0: Tensor,
    t: Tensor,
    noise: Tensor,
    *,
    weighting: str = "simple",
    learned_variance: bool = False,
    huber: float = 0.0,
    uncertainty: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:
    """Return the weighted per-image loss [N]; its mean is the loss of Algorithm 1 (Ho et al. 2020).

    For any objective; `predict(input, t)` is the network. The caller draws x0 [N, C, H, W] (line
    2), t [N] (line 3, `draw_times`) and noise (line 4) for the whole batch, before it is cut into
    micro-batches. With `learned_variance` the network outputs 2C channels, and the variational
    bound trains the variance (no gradient to its mean). `huber` is the c of the pseudo-Huber loss, see
    `pseudo_huber`; 0: the squared error. `uncertainty(t)` is u [N], which is learned with the network: the
    gradient is that of loss / e^u + u, but the value stays the loss, which is comparable between runs.
    ValueError: an unknown weighting, or an argument of the wrong type.
    """
    check_type("schedule", schedule, Schedule, "; make one by make_schedule")
    check_type("objective", objective, Objective, "; make one by make_objective")
    for argument, value in (("x0", x0), ("t", t), ("noise", noise)):
        check_type(argument, value, Tensor)
    if not callable(predict):
        raise ValueError(f"predict must be a function of (input, t), not {type(predict).__name__}.")
    check_known("weighting", weighting, WEIGHTINGS)
    signal, sigma = schedule.at(t, x0)  # of line 3's t        [N, 1, 1, 1]
    x_t = signal * x0 + sigma * noise  # Eq. 4, line 4's noise [N, C, H, W]
    output = predict(objective.network_input(x_t, signal, sigma), t)
    interpolation = None
    if learned_variance:
        output, interpolation = split_variance(output)
    error = objective.target(x0, noise, signal, sigma) - output
    weight = WEIGHTINGS[weighting]((signal / sigma).square(), objective.x0_scale(signal, sigma))
    if huber:
        per_image = weight.flatten() * pseudo_huber(error, huber)  #              [N]
    else:
        per_image = (weight * error.square()).mean(dim=(1, 2, 3))  # line 5, Eq. 14  [N]
    if uncertainty is not None:
        u = uncertainty(t)  # after `predict`, in which a sharded network gathers its weights
        total = per_image / u.exp() + u
        per_image = per_image.detach() + (total - total.detach())
    if interpolation is not None:
        x0_hat = objective.to_x0(output, x_t, signal, sigma).detach()
        bits = vlb_term(schedule, x0, x0_hat, t, interpolation)
        per_image = per_image + 0.001 * len(schedule) * bits  # Nichol & Dhariwal 2021, Eq. 16
    return per_image


def pseudo_huber(error: Tensor, c: float) -> Tensor:
    """Return 2 c (sqrt(e^2 + c^2) - c) per image [N], for the root mean square e of the error [N, C, H, W].

    Near e^2 where e is below c, near 2 c e above, so that images with large errors dominate less (Song &
    Dhariwal 2023, arXiv:2310.14189, Eq. 7, scaled to equal the squared error at 0).
    """
    squared = error.square().mean(dim=(1, 2, 3))
    return 2 * c * squared / ((squared + c**2).sqrt() + c)  # without cancellation


def split_variance(output: Tensor) -> tuple[Tensor, Tensor]:
    """Split [N, 2C, H, W] into the prediction and the interpolation of the variance, each [N, C, H, W].

    Nichol & Dhariwal 2021, Eq. 15. The second half is read as -1 .. 1, so that a zero-initialized
    last layer begins halfway between the small and the large variance.
    """
    prediction, raw = output.chunk(2, dim=1)
    return prediction, (raw + 1) / 2
