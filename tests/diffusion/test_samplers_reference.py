"""Step by step against diffusers, an independent implementation, handed our levels in float64."""

import pytest
import torch
from torch import Tensor

from ddpm.diffusion.levels import noise_levels
from ddpm.diffusion.samplers import SAMPLERS, SamplerOptions
from ddpm.diffusion.schedules import make_schedule
from tests.diffusion.oracle import Mixture, levels_at, normal

diffusers = pytest.importorskip("diffusers")
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

LINEAR = {"num_train_timesteps": 1000, "beta_schedule": "linear", "prediction_type": "sample"}
CLOSE = {"rtol": 0.0, "atol": 2e-6}  # its tables are float32 in places
TABLE = make_schedule("linear", 1000)


class Draws:
    """The same float64 normals, once for each side."""

    def __init__(self) -> None:
        self.generator = torch.Generator().manual_seed(1)

    def __call__(self) -> Tensor:
        return torch.randn(2, 1, 4, 4, generator=self.generator, dtype=torch.float64)


def compare(scheduler, sampler, path, options=None, noise=None, **arguments) -> None:
    denoise, x = Mixture().denoiser(TABLE), normal(2, 1, 4, 4)
    state = x
    steps = SAMPLERS[sampler](denoise, path, x, noise or Draws(), options or SamplerOptions())
    for t, step in zip(path.t.tolist(), steps, strict=True):
        x0 = denoise(state, torch.full((2,), t)).x0
        state = scheduler.step(x0, t, state, **arguments).prev_sample.double()
        torch.testing.assert_close(step.x, state, **CLOSE)


@pytest.mark.parametrize(("variance", "steps"), [("small", 50), ("large", 50), ("large", 250)])
def test_ancestral(variance, steps):
    scheduler = diffusers.DDPMScheduler(
        **LINEAR, variance_type=f"fixed_{variance}", clip_sample=False
    )
    scheduler.alphas_cumprod = TABLE.alpha_bars
    scheduler.one = torch.ones((), dtype=torch.float64)
    scheduler.set_timesteps(steps)
    path = levels_at(TABLE, scheduler.timesteps.tolist())
    options = SamplerOptions(variance=variance)
    compare(scheduler, "ancestral", path, options, generator=Draws().generator)


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
def test_ddim(eta):
    scheduler = diffusers.DDIMScheduler(**LINEAR, clip_sample=False, timestep_spacing="trailing")
    scheduler.alphas_cumprod = TABLE.alpha_bars
    scheduler.set_timesteps(20)
    path = noise_levels(TABLE, 20, "trailing")
    assert scheduler.timesteps.tolist() == path.t.tolist()
    compare(scheduler, "ddim", path, SamplerOptions(eta=eta), eta=eta, generator=Draws().generator)


def multistep(kind, path, **arguments):
    """A scheduler of noise levels, its own rounded ones replaced by ours."""
    scheduler = kind(**LINEAR, final_sigmas_type="zero", solver_order=2, **arguments)
    scheduler.set_timesteps(len(path))
    scheduler.sigmas, scheduler.timesteps = path.sigma / path.signal, path.t
    return scheduler


@pytest.mark.parametrize("spacing", ["log-snr", "karras", "trailing"])
@pytest.mark.parametrize("steps", [2, 3, 20])
def test_dpm_solver_2m(spacing, steps):
    path = noise_levels(TABLE, steps, spacing)
    compare(multistep(diffusers.DPMSolverMultistepScheduler, path), "dpm++2m", path)


@pytest.mark.parametrize("steps", [2, 20])
def test_dpm_solver_2m_sde(steps):
    path = noise_levels(TABLE, steps, "log-snr")
    scheduler = multistep(
        diffusers.DPMSolverMultistepScheduler, path, algorithm_type="sde-dpmsolver++"
    )
    z = Draws()()  # its own draws are float32
    compare(scheduler, "dpm++2m-sde", path, noise=lambda: z, variance_noise=z)


@pytest.mark.parametrize("spacing", ["log-snr", "karras", "trailing"])
@pytest.mark.parametrize("steps", [2, 3, 20])
def test_unipc(spacing, steps):
    path = noise_levels(TABLE, steps, spacing)
    compare(multistep(diffusers.UniPCMultistepScheduler, path, solver_type="bh2"), "unipc", path)


@pytest.mark.parametrize("spacing", ["log-snr", "karras", "trailing"])
@pytest.mark.parametrize("steps", [2, 3, 20])
def test_heun(spacing, steps):
    """Its two calls a step, Euler's and the correction, in y = x / signal."""
    path = noise_levels(TABLE, steps, spacing)
    ratio, signal = path.sigma / path.signal, path.signal
    scheduler = diffusers.HeunDiscreteScheduler(**LINEAR)
    scheduler.set_timesteps(steps)
    scheduler.sigmas = torch.cat([ratio[:1], ratio[1:-1].repeat_interleave(2), ratio[-1:]])
    scheduler.set_begin_index(0)
    denoise, x = Mixture().denoiser(TABLE), normal(2, 1, 4, 4)
    y = x / signal[0]
    for i, step in enumerate(SAMPLERS["heun"](denoise, path, x, Draws(), SamplerOptions())):
        for level in (i, i + 1)[: 1 + (i + 1 < steps)]:  # the last step is Euler's alone
            t = int(path.t[level])
            x0 = denoise(signal[level] * y, torch.full((2,), t)).x0
            y = scheduler.step(x0, t, y).prev_sample
        torch.testing.assert_close(step.x, signal[i + 1] * y, **CLOSE)
