"""Mistakes of the Understand view: each does what it says, and nothing else."""

from dataclasses import replace

import pytest
import torch

from ddpm.errors import RequestError
from ddpm.loading.models import OpenedModel, open_model
from ddpm.models.base import as_diffusion
from ddpm.networks.embeddings import TimeEmbedding, frequencies
from ddpm.studio.lessons.breakages import (
    BREAKAGES,
    FEW_STEPS,
    ReverseRequest,
    describe_breakages,
    make_setup,
)
from ddpm.studio.lessons.reverse_lesson import reverse_walk

REQUEST = ReverseRequest(count=2, steps=8)


@pytest.fixture
def opened(small_ddpm):
    return OpenedModel(small_ddpm(awake=True), "small", "a test", None)


@pytest.mark.parametrize("name", sorted(BREAKAGES.keys() - {"no-ema", "min-max"}))
def test_each_mistake_changes_the_images_and_leaves_the_model_as_it_was(opened, name):
    before = reverse_walk(opened, REQUEST).states[-1]
    broken = reverse_walk(opened, replace(REQUEST, breakage=name)).states[-1]
    assert not torch.allclose(before, broken, atol=1e-3)
    assert torch.equal(before, reverse_walk(opened, REQUEST).states[-1])


def test_wrong_betas_are_those_of_another_schedule(opened):
    own = as_diffusion(opened.model).schedule
    levels = make_setup(opened, replace(REQUEST, breakage="wrong-betas")).levels
    assert levels.schedule.name != own.name
    assert not torch.allclose(levels.schedule.signal, own.signal)


def test_short_betas_run_from_ho_s_first_to_ho_s_last_beta(opened):
    request = replace(REQUEST, steps=50, breakage="short-betas")
    levels = make_setup(opened, request).levels
    betas = levels.schedule.betas
    assert len(levels) == len(betas) == 50
    assert (float(betas[0]), float(betas[-1])) == (pytest.approx(1e-4), pytest.approx(0.02))
    assert float(levels.signal[0]) ** 2 == pytest.approx(0.6, abs=0.01)  # as the page says


def test_few_steps_are_few(opened):
    assert len(make_setup(opened, replace(REQUEST, breakage="few-steps")).levels) == FEW_STEPS


def test_the_printed_embedding_doubles_the_exponent(small_ddpm, opened):
    def tables(model):
        modules = as_diffusion(model).averaged.network.modules()
        return [m.frequency for m in modules if isinstance(m, TimeEmbedding)]

    (own,) = tables(opened.model)
    scale = own[0]  # the first frequency is 1 times the scale
    assert torch.allclose(own / scale, frequencies(2 * len(own)).float(), atol=1e-6)
    slide = small_ddpm("network.time_embedding=slide", awake=True)
    slide.load_state({"ema": opened.model.averaged_weights()})
    expected = reverse_walk(OpenedModel(slide, "slide", "a test", None), REQUEST).states[-1]
    broken = reverse_walk(opened, replace(REQUEST, breakage="printed-embedding")).states[-1]
    assert torch.allclose(broken, expected, atol=1e-5)
    with pytest.raises(RequestError, match="no standard time embedding"):
        make_setup(
            OpenedModel(slide, "slide", "a test", None),
            replace(REQUEST, breakage="printed-embedding"),
        )


def test_averaging_off_uses_the_weights_of_the_last_step(make_run):
    opened = open_model(str(make_run("raw", (1, 8, 8))), "cpu")
    sound, raw = (
        reverse_walk(opened, replace(REQUEST, breakage=name)).states[-1] for name in ("", "no-ema")
    )
    assert not torch.allclose(sound, raw)


def test_weights_without_training_state_say_so(opened):
    with pytest.raises(RequestError, match="holds only averaged weights"):
        make_setup(opened, replace(REQUEST, breakage="no-ema"))


def test_an_unknown_mistake_and_a_model_without_levels_are_refused(opened, make_run):
    with pytest.raises(RequestError, match="no mistake called typo"):
        make_setup(opened, replace(REQUEST, breakage="typo"))
    gan = open_model(str(make_run("gan", (1, 28, 28), model="dcgan")), "cpu")
    with pytest.raises(RequestError, match="no noise levels"):
        make_setup(gan, REQUEST)


def test_descriptions_name_every_mistake():
    rows = describe_breakages()
    assert [row["name"] for row in rows] == list(BREAKAGES)
    assert all(row["title"] and row["cause"] and row["effect"] for row in rows)
