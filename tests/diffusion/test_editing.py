import math

import pytest
import torch
from torch import Tensor

from ddpm.diffusion.editing import inpaint, noise_to_first_level, slerp
from ddpm.diffusion.levels import noise_levels
from ddpm.diffusion.samplers import (
    SAMPLERS,
    Prediction,
    SamplerOptions,
    ancestral,
    ddim,
    heun,
    starting_noise,
)
from ddpm.diffusion.schedules import make_schedule
from tests.diffusion.oracle import Gaussian, normal

DATA = Gaussian()
TABLE = make_schedule("cosine", 1000)


def drawing(*shape: int):
    generator = torch.Generator().manual_seed(1)
    return lambda: torch.randn(*shape, generator=generator, dtype=torch.float64)


def test_slerp_starts_at_a_and_ends_at_b():
    a, b = normal(3, 1, 4, 4), normal(3, 1, 4, 4, seed=1)
    torch.testing.assert_close(slerp(a, b, 0.0), a)
    torch.testing.assert_close(slerp(a, b, 1.0), b)


def test_slerp_walks_the_circle_evenly():
    a, b = torch.tensor([2.0, 0.0]).view(1, 1, 1, 2), torch.tensor([0.0, 2.0]).view(1, 1, 1, 2)
    for share in (0.1, 0.5, 0.9):
        angle = share * math.pi / 2
        wanted = [2 * math.cos(angle), 2 * math.sin(angle)]
        assert slerp(a, b, share).flatten().tolist() == pytest.approx(wanted)


def test_slerp_keeps_the_length_of_noise_where_a_line_does_not():
    a, b = normal(2, 3, 64, 64), normal(2, 3, 64, 64, seed=1)
    assert float(slerp(a, b, 0.5).std()) == pytest.approx(1, abs=0.02)
    assert float(((a + b) / 2).std()) < 0.75


def test_slerp_takes_each_image_by_itself_and_survives_equal_ones():
    a, b = normal(2, 1, 4, 4), normal(2, 1, 4, 4, seed=1)
    b[1] = a[1]
    both = slerp(a, b, 0.3)
    torch.testing.assert_close(both[:1], slerp(a[:1], b[:1], 0.3))
    torch.testing.assert_close(both[1], a[1])


def test_refining_starts_from_the_image_under_the_first_levels_noise():
    path, x0, z = (
        noise_levels(TABLE, 5, "uniform", start=400),
        normal(2, 1, 4, 4),
        normal(2, 1, 4, 4),
    )
    wanted = TABLE.alpha_bars[400].sqrt() * x0 + (1 - TABLE.alpha_bars[400]).sqrt() * z
    torch.testing.assert_close(noise_to_first_level(path, x0, lambda: z), wanted)


def test_refining_keeps_more_of_the_image_the_lower_it_starts():
    x0 = DATA.draw(1, 1, 32, 32)
    kept = []
    for start in (50, 400, 999):
        path, draw = noise_levels(TABLE, 20, "uniform", start=start), drawing(1, 1, 32, 32)
        *_, last = ancestral(
            DATA.denoiser(TABLE), path, noise_to_first_level(path, x0, draw), draw, SamplerOptions()
        )
        both = torch.stack([x0.flatten(), last.x.flatten()])
        kept.append(float(torch.corrcoef(both)[0, 1]))
    assert kept[0] > 0.97 and 0.3 < kept[1] < 0.9 and abs(kept[2]) < 0.1


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_inpainting_keeps_what_is_known_and_draws_the_rest(sampler):
    path, known = noise_levels(TABLE, 30, "log-snr"), torch.full((2, 1, 32, 32), 0.9).double()
    mask = torch.zeros(1, 1, 32, 32).double()
    mask[..., 16:] = 1
    denoise, draw = DATA.denoiser(TABLE), drawing(2, 1, 32, 32)
    steps = list(
        inpaint(SAMPLERS[sampler], denoise, path, draw, SamplerOptions(), known=known, mask=mask)
    )
    assert [step.index for step in steps] == list(range(1, 31))
    assert torch.equal(steps[-1].x[..., :16], known[..., :16])
    filled = steps[-1].x[..., 16:]
    assert float(filled.mean()) == pytest.approx(DATA.mean, abs=0.06)
    assert float(filled.std()) == pytest.approx(DATA.std, abs=0.1)


def test_redrawing_everything_is_the_sampler_itself_churn_included():
    path, z, everything = (
        noise_levels(TABLE, 12, "log-snr"),
        normal(2, 1, 4, 4),
        torch.ones(1, 1, 4, 4),
    )
    options, denoise = SamplerOptions(churn=2.0), DATA.denoiser(TABLE)
    whole = list(heun(denoise, path, starting_noise(path, lambda: z), lambda: z, options))
    parts = inpaint(heun, denoise, path, lambda: z, options, known=0 * z, mask=everything)
    for one, other in zip(parts, whole, strict=True):
        torch.testing.assert_close(one.x, other.x)


def test_on_the_way_the_known_part_has_the_noise_of_its_level():
    path, draw = noise_levels(TABLE, 10, "uniform"), drawing(1, 1, 100, 100)
    known = torch.full((1, 1, 100, 100), 0.9).double()
    steps = inpaint(
        ddim, DATA.denoiser(TABLE), path, draw, SamplerOptions(), known=known, mask=0 * known
    )
    for step in steps:
        signal, sigma = float(path.signal[step.index]), float(path.sigma[step.index])
        assert float(step.x.mean()) == pytest.approx(0.9 * signal, abs=0.05)
        assert float(step.x.std()) == pytest.approx(sigma, abs=0.03)


def paired(x: Tensor, t: Tensor) -> Prediction:
    """Exact for images of two standard normal pixels, correlated 0.95."""
    signal, sigma = TABLE.at(t, x)
    cov = torch.tensor([[1, 0.95], [0.95, 1]]).double()
    seen = signal.view(-1, 1, 1) ** 2 * cov + sigma.view(-1, 1, 1) ** 2 * torch.eye(2).double()
    gain = signal.view(-1, 1, 1) * torch.linalg.solve(seen, cov.expand_as(seen), left=False)
    return Prediction((gain @ x.flatten(1)[..., None]).view_as(x))


def test_resampling_brings_the_filling_to_what_the_known_part_implies():
    """A known pixel of 2 implies 1.9 for its neighbour; RePaint gets nearer by going back and forth."""
    known, mask = torch.full((800, 1, 1, 2), 2.0).double(), torch.tensor([0.0, 1.0]).double()
    means = []
    for resample in (1, 8):
        path, draw, asked = noise_levels(TABLE, 20, "uniform"), drawing(800, 1, 1, 2), []

        def denoise(x: Tensor, t: Tensor, asked: list[int] = asked) -> Prediction:
            asked.append(int(t[0]))
            return paired(x, t)

        *_, last = inpaint(
            ancestral, denoise, path, draw, SamplerOptions(),
            known=known, mask=mask, resample=resample,
        )  # fmt: skip
        means.append(float(last.x[..., 1].mean()))
        assert len(asked) == 19 * resample + 1
    assert means[0] < means[1] - 0.1 and means[1] == pytest.approx(1.9, abs=0.12)


def test_resample_must_be_a_count():
    known = torch.zeros(1, 1, 2, 2)
    path = noise_levels(TABLE, 5, "uniform")
    steps = inpaint(
        ddim, DATA.denoiser(TABLE), path, lambda: known, SamplerOptions(),
        known=known, mask=known, resample=0,
    )  # fmt: skip
    with pytest.raises(ValueError, match="resample must be 1 or more; got 0"):
        next(steps)
