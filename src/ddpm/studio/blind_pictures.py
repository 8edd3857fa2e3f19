"""Pictures of a blind test in the worker, and its answers counted as `ddpm compare --tally` counts them."""

from __future__ import annotations

import random
import secrets
from typing import Any

import torch

from ddpm.commands.compare.blind import REAL_LABEL, BlindRequest, arrange, collect_images
from ddpm.commands.compare.entries import open_entries
from ddpm.commands.compare.forms import Form
from ddpm.commands.compare.tally import count_answers
from ddpm.messages import sentence
from ddpm.studio.worker_tasks import Task


def draw_pictures(task: Task) -> dict[str, Any]:
    """Draw `n` images of each of `targets`, mix them with as many real ones, and return the key.

    The event `images` has all pictures uint8 [N, C, H, W] in the order of their numbers. RequestError if the
    models cannot be compared or there are no real images.
    """
    request = BlindRequest(task.arguments["targets"], n=task.arguments["n"])
    entries = open_entries(request.targets, (), request.device, same_data=True)
    task.check()
    sources = collect_images(request, entries, task.arguments["n"], 0)
    order = random.Random(secrets.token_hex(16))
    count = len(entries.labels)
    arranged = arrange(order, count, task.arguments["n"], 0, len(sources[-1]))
    pictures = torch.stack([sources[source][image] for source, image in arranged.pictures])
    task.send("images", pictures.numpy().tobytes(), shape=list(pictures.shape))
    return {
        "labels": [*entries.labels, REAL_LABEL],
        "entries": count,
        "pictures": [source for source, _ in arranged.pictures],
        "pairs": [],
    }


def tally_answers(task: Task) -> dict[str, Any]:
    """Return how often the images of each source were taken for real, with 95 % intervals.

    Arguments: `key` as `draw_pictures` returns it, and `answers` [number, 1 for real and 0 for generated].
    """
    form = Form(None, real=dict(map(tuple, task.arguments["answers"])))
    found = count_answers([form], task.arguments["key"])
    rows = [_row(entry) for entry in found["entries"]]
    return {"rows": rows, "sentence": sentence(found["verdicts"]["taken_for_real"])}


def _row(entry: dict[str, Any]) -> dict[str, Any]:
    score = entry["taken_for_real"] or {"value": None, "low": None, "high": None, "n": 0}
    return {
        "name": entry["label"],
        "judged": score["n"],
        "called_real": score["value"],
        "low": score["low"],
        "high": score["high"],
    }
