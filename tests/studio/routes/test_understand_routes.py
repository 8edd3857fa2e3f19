"""Routes of the Understand view: numbers equal to the library's, and requests that are refused."""

from urllib.parse import urlencode

import pytest
import torch
from starlette.testclient import TestClient

from ddpm.data.pixels import to_model
from ddpm.device import autocast
from ddpm.diffusion.objectives import training_loss
from ddpm.loading.datasets import open_dataset
from ddpm.loading.models import open_model
from ddpm.models.base import as_diffusion
from ddpm.studio.app import make_app
from ddpm.studio.services import Services
from ddpm.studio.studio_request import StudioRequest

MODEL = "bundled:digits"
QUERY = {"model": MODEL, "image": "data-0", "t": 300, "seed": 5, "row": 2, "column": 3}


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """A client of the application with its own worker process, without the gate."""
    services = Services(StudioRequest(runs=tmp_path_factory.mktemp("runs")))
    with TestClient(make_app(services)) as client:
        yield client


def ask(client, name, **values):
    answer = client.get(f"/api/understand/{name}?{urlencode(values)}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_schedule_is_the_model_s(client):
    schedule = as_diffusion(open_model(MODEL, "cpu").model).schedule
    found = ask(client, "schedule", model=MODEL)
    assert found["num_steps"] == len(schedule)
    assert found["signal"] == pytest.approx(schedule.signal[found["t"]].tolist(), abs=1e-9)


def test_the_loss_is_the_library_s(client):
    opened = open_model(MODEL, "cpu")
    model = as_diffusion(opened.model)
    dataset = open_dataset(opened.model.spec.config)
    x0 = to_model(torch.from_numpy(dataset.images[:1].copy()))
    labels = None
    if opened.model.spec.num_classes:
        labels = torch.from_numpy(dataset.labels[:1].copy())
    noise = torch.randn((1, 1, 8, 8), generator=torch.Generator().manual_seed(5))
    with torch.no_grad(), autocast(model.precision, model.device):
        loss = training_loss(
            lambda x, t: model.averaged.network(x, t, labels).float(),
            model.schedule,
            model.objective,
            x0,
            torch.tensor([300]),
            noise,
            weighting=opened.model.spec.config.diffusion.weighting,
        )
    assert ask(client, "training", **QUERY)["loss"] == pytest.approx(float(loss), abs=1e-6)


def test_a_step_of_algorithm_2_follows_from_the_numbers_shown(client):
    found = ask(client, "reverse", model=MODEL, seed=3, steps=8, step=5, row=4, column=4)
    value = {name: panel["value"] for name, panel in found["step"]["panels"].items()}
    step = found["step"]
    mean = step["mean_of_x_t"] * value["x_t"] + step["mean_of_x0"] * value["x0"]
    assert value["mean"] == pytest.approx(mean, abs=1e-6)
    expected = value["mean"] + step["posterior_std"] * value["z"]
    assert value["x_next"] == pytest.approx(expected, abs=1e-6)
    assert len(found["final"]) == 4 and found["strip"][0]["step"] == 0


def test_an_image_of_the_reader_becomes_a_lesson(client, encode):
    content = encode(torch.full((20, 20), 255, dtype=torch.uint8).numpy())
    headers = {"content-type": "image/png"}
    path = f"/api/understand/images?model={MODEL}"
    added = client.post(path, content=content, headers=headers).json()
    forward = ask(client, "forward", **{**QUERY, "image": added["id"]})
    assert forward["panels"]["x0"]["value"] == 1
    refused = client.post(path, content=b"not an image", headers=headers)
    assert refused.status_code == 422 and "Choose a PNG or JPEG" in refused.json()["error"]


@pytest.mark.parametrize(
    ("name", "changes", "status"),
    [
        ("forward", {"t": -1}, 422),
        ("forward", {"row": 8}, 422),
        ("forward", {"image": "../../etc/passwd"}, 422),
        ("forward", {"model": "run:../x"}, 404),
        ("forward", {"model": "bundled:nothing"}, 404),
        ("forward", {"other": 1}, 422),
        ("reverse", {"steps": 100_000}, 422),
        ("reverse", {"mistake": "typo"}, 422),
        ("reverse", {"mistake": "no-ema"}, 422),
    ],
)
def test_wrong_requests_are_a_sentence(client, name, changes, status):
    query = QUERY if name == "forward" else {"model": MODEL, "seed": 0}
    answer = client.get(f"/api/understand/{name}?{urlencode({**query, **changes})}")
    assert answer.status_code == status
    assert answer.json()["error"].endswith(".")


def test_mistakes_are_listed(client):
    assert {"no-ema", "wrong-betas"} <= {row["name"] for row in ask(client, "mistakes")}
