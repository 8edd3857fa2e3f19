"""Draw requests as tasks of the worker and as command lines."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ddpm.cli.parser import build_parser
from ddpm.commands.options import named_values
from ddpm.commands.sample.command import SAMPLE_OPTIONS
from ddpm.studio.draw_jobs import DrawOrder, draw_command
from ddpm.studio.drawings import StoredFrame
from ddpm.studio.jobs import Job
from ddpm.studio.refusals import RefusalError
from ddpm.studio.services import Services
from tests.studio.asgi import run

AddRun = Callable[..., Path]


def order(model: str = "bundled:mnist", **more: Any) -> DrawOrder:
    sampling = more.pop("sampling", {})
    return DrawOrder(model, sampling=tuple(sampling.items()), **more)


def submitted(services: Services, *orders: DrawOrder) -> tuple[list[Job], list[dict[str, Any]]]:
    """The jobs of orders, and the arguments that the worker would get."""

    async def story() -> tuple[list[Job], list[dict[str, Any]]]:
        jobs = await services.draws.submit([(one, {"model": one.model}) for one in orders])
        arguments = [services.draws._prepared[job.id].arguments for job in jobs]
        await services.drawings.close()
        return jobs, arguments

    return run(story())


@pytest.mark.parametrize(
    ("order_", "command"),
    [
        (order(), "ddpm sample bundled:mnist -n 25"),
        (order(n=100, seed=7), "ddpm sample bundled:mnist -n 100 --seed 7"),
        (order(n=4, label="7"), "… -n 4 --label 7 --set sampling.chunk=4"),
        (order(sampling={"steps": 10, "sampler": "unipc", "guidance": 1.15}), "… -n 25"),
        (order(sampling={"steps": 9}), "… -n 25 --steps 9"),
        (
            order(sampling={"sampler": "ddim", "steps": 7, "guidance": 1.0}),
            "… -n 25 --sampler ddim --steps 7 --guidance 1",
        ),
        (
            order(sampling={"guidance_interval": (0.2, 0.5), "clip": "none"}),
            "… -n 25 --set 'sampling.guidance_interval=[0.2, 0.5]' --set sampling.clip=none",
        ),
    ],
)
def test_the_command_draws_the_same(order_: DrawOrder, command: str, services: Services) -> None:
    printed = draw_command(order_, services.models.get(order_.model))
    assert printed == command.replace("…", "ddpm sample bundled:mnist")
    _, (arguments,) = submitted(services, order_)
    options = build_parser(["sample"]).parse_args(shlex.split(printed)[1:])
    assert sorted(named_values(SAMPLE_OPTIONS, options)["overrides"]) == sorted(
        arguments["overrides"]
    )
    assert (options.target, options.n, options.seed, options.label) == (
        arguments["target"], arguments["n"], arguments["seed"], arguments["label"],
    )  # fmt: skip


def test_a_row_tells_the_layout_before_anything_is_drawn(services: Services) -> None:
    (job,), _ = submitted(services, order(n=5, seed=3))
    row = services.draws.row(job.id)
    assert (row["n"], row["rows"], row["columns"], row["height"]) == (5, 2, 3, 28)
    assert row["seeds"] == [3, 4, 5, 6, 7] and row["frames"] == [] and row["kind"] == "sample"
    assert row["title"] == "5 images of mnist" and row["state"] == "cancelled"
    assert services.draws.latest()[0]["id"] == job.id


def test_an_unknown_model_leaves_no_job(services: Services) -> None:
    with pytest.raises(RefusalError):
        submitted(services, order(), order("run:nothing"))
    assert services.board.all() == []


def test_frames_of_the_oldest_drawings_are_dropped_beyond_the_limit(services: Services) -> None:
    jobs, _ = submitted(services, order(), order(), order())
    frame = StoredFrame(*(np.zeros((1, 1, 8, 8), np.uint8),) * 2, t=1, log_snr=0.0)
    for job in jobs:
        services.draws.drawing(job.id).frames[0] = frame
    services.draws._frame_bytes = 2 * frame.nbytes
    services.draws._free_memory(jobs[-1].id)
    assert [len(services.draws.drawing(job.id).frames) for job in jobs] == [0, 1, 1]
    assert services.draws.row(jobs[0].id)["frames"] == []


def test_a_drawing_that_was_dropped_is_a_sentence(services: Services) -> None:
    with pytest.raises(RefusalError, match="no such drawing"):
        services.draws.drawing("nothing")
