"""The training lesson against Algorithm 1, restated from its own panels."""

import pytest
import torch

from ddpm.diffusion.objectives import WEIGHTINGS
from ddpm.studio.lessons.tensor_pictures import Pixel
from ddpm.studio.lessons.training_lesson import training_step

PIXEL = Pixel(4, 3)
X0 = torch.linspace(-1, 1, 64).view(1, 8, 8)


@pytest.mark.parametrize("objective", ["noise", "x0", "v", "edm"])
def test_the_loss_is_the_weighted_squared_error(small_ddpm, objective):
    model = small_ddpm(f"diffusion.objective={objective}", awake=True)
    step = training_step(model, X0, None, t=8, seed=2, pixel=PIXEL)
    error = step["panels"]["error"]
    assert step["squared_error"] == pytest.approx(error["mean"] ** 2 + error["std"] ** 2, rel=1e-5)
    assert step["loss"] == pytest.approx(step["weight"] * step["squared_error"], rel=1e-6)
    assert step["objective"] == objective


def test_each_panel_follows_from_the_ones_before_it(small_ddpm):
    step = training_step(small_ddpm("diffusion.objective=noise", awake=True), X0, None, 8, 2, PIXEL)
    value = {name: panel["value"] for name, panel in step["panels"].items()}
    signal, sigma = step["signal"], step["sigma"]
    assert value["x_t"] == pytest.approx(signal * value["x0"] + sigma * value["noise"], abs=1e-6)
    assert value["target"] == value["noise"] and value["input"] == value["x_t"]
    assert value["error"] == pytest.approx(value["target"] - value["output"], abs=1e-6)
    x0_hat = (value["x_t"] - sigma * value["output"]) / signal
    assert value["x0_hat"] == pytest.approx(x0_hat, abs=1e-5)


def test_the_label_reaches_the_network(small_ddpm):
    model = small_ddpm(awake=True, classes=3)
    losses = {training_step(model, X0, label, 8, 2, PIXEL)["loss"] for label in (None, 0, 1, 2)}
    assert len(losses) == 4


def test_learned_variance_leaves_the_mean_part(small_ddpm):
    model = small_ddpm("diffusion.learned_variance=true", "diffusion.objective=noise", awake=True)
    step = training_step(model, X0, None, 8, 2, PIXEL)
    assert step["loss"] >= step["weight"] * step["squared_error"]  # plus 0.001 T bits


def test_weightings_are_the_table_s(small_ddpm):
    model = small_ddpm("diffusion.weighting=min-snr", "diffusion.objective=v", awake=True)
    step = training_step(model, X0, None, 8, 2, PIXEL)
    snr = torch.tensor(step["snr"])
    scale = model.objective.x0_scale(torch.tensor(step["signal"]), torch.tensor(step["sigma"]))
    assert step["weight"] == pytest.approx(float(WEIGHTINGS["min-snr"](snr, scale)), rel=1e-5)


def test_source_lines_are_those_of_the_training_loss(small_ddpm):
    sources = training_step(small_ddpm(), X0, None, 8, 2, PIXEL)["sources"]
    assert sources["x_t"]["code"].startswith("x_t = signal * x0 + sigma * noise")
    assert {line["file"] for line in sources.values()} == {"diffusion/objectives.py"}
