import math

import pytest
import torch

from ddpm.diffusion.schedules import make_schedule
from ddpm.diffusion.timesteps import TIME_SAMPLINGS, draw_times


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("sampling", TIME_SAMPLINGS)
def test_times_are_of_the_table_and_follow_the_generator(sampling):
    schedule = make_schedule("edm", 300)
    t = draw_times(sampling, schedule, 1000, generator())
    assert t.shape == (1000,) and t.dtype == torch.int64
    assert int(t.min()) >= 0 and int(t.max()) < 300
    assert torch.equal(t, draw_times(sampling, schedule, 1000, generator()))
    assert not torch.equal(t, draw_times(sampling, schedule, 1000, generator(1)))


@pytest.mark.parametrize("sampling", ["uniform", "stratified"])
def test_each_time_is_as_likely(sampling):
    schedule, n = make_schedule("linear", 8), 7  # strata that cross the borders of the times
    g = generator()
    counts = torch.zeros(8)
    for _ in range(2000):
        counts += torch.bincount(draw_times(sampling, schedule, n, g), minlength=8)
    expected = 2000 * n / 8
    assert float((counts - expected).square().sum() / expected) < 24.3  # chi², 7 degrees, p 0.001


@pytest.mark.parametrize("n", [1000, 64, 7])
def test_stratified_takes_one_of_each_stratum(n):
    t = draw_times("stratified", make_schedule("linear", 1000), n, generator())
    stratum = t.sort().values * n // 1000
    expected = torch.arange(n)
    assert bool(((stratum - expected).abs() <= (1000 % n != 0)).all())
    assert n == 7 or not torch.equal(t, t.sort().values)


def test_stratified_shows_every_micro_batch_the_whole_range():
    t = draw_times("stratified", make_schedule("linear", 1000), 256, generator())
    for part in t.chunk(4):
        assert float(part.double().mean()) == pytest.approx(500, abs=120)


def test_uniform_leaves_gaps_that_stratified_does_not():
    schedule = make_schedule("linear", 1000)
    drawn = {s: draw_times(s, schedule, 1000, generator()).unique() for s in TIME_SAMPLINGS}
    assert len(drawn["stratified"]) == 1000 and len(drawn["uniform"]) < 700


@pytest.mark.parametrize("name", ["edm", "cosine", "flow"])
def test_lognormal_has_the_papers_mean_and_deviation(name):
    schedule = make_schedule(name, 4000)
    t = draw_times("lognormal", schedule, 40_000, generator())
    log_ratio = (schedule.sigma[t] / schedule.signal[t]).log()
    assert float(log_ratio.mean()) == pytest.approx(-1.2, abs=4 * 1.2 / math.sqrt(40_000))
    assert float(log_ratio.std()) == pytest.approx(1.2, abs=0.03)


def test_a_wrong_name_is_told_what_there_is():
    with pytest.raises(ValueError, match="'even'; choose one of uniform, stratified, lognormal"):
        draw_times("even", make_schedule("linear", 10), 1, generator())
