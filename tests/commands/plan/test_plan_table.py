"""The text of a plan: one fact in each line, and only facts that are known."""

from __future__ import annotations

from typing import Any

import pytest

from ddpm.commands.plan.plan_table import plan_text

PLAN: dict[str, Any] = {
    "target": "the preset mnist",
    "parameters": {"network": 1_230_000},
    "shape": [1, 28, 28],
    "device": "cpu, 2 threads",
    "init": None,
    "precision": "fp32",
    "images": "60,000 images of mnist",
    "utilization": None,
    "images_per_second": 250.0,
    "epochs": 4.27,
    "seconds": 1020.0,
    "steps": 4000,
    "batch_size": 64,
    "images_seen": 256_000,
    "training_memory": 300 * 10**6,
    "drawing_memory": 200 * 10**6,
    "drawing_seconds": 12.34,
    "drawing": "20 steps of DDIM",
    "checkpoint": 5 * 10**6,
    "disk": {
        "total": 40 * 10**6, "checkpoints_kept": 6, "previews": 2 * 10**6, "log": 10**6, "pictures": 10**6,
        "averages": 0,
    },
    "recorded": [],
    "expect": "no recorded run of mnist",
}  # fmt: skip


def lines(**changes: Any) -> dict[str, str]:
    """First word of each line, and the rest of the line."""
    text = plan_text({**PLAN, **changes})
    assert all(line[:12].endswith(" ") for line in text.splitlines())
    return {line[:12].strip(): line[12:] for line in text.splitlines()}


def test_each_fact_is_a_line() -> None:
    assert lines() == {
        "plan": "the preset mnist, 1.23 million parameters, images 1x28x28",
        "measured": "on cpu, 2 threads, fp32, with 60,000 images of mnist",
        "speed": "250 images/s",
        "time": "about 17 min 0 s for 4,000 steps of 64 (256,000 images, 4.3 epochs)",
        "memory": "300.0 MB training, 200.0 MB sampling",
        "sampling": "25 images in 12 s (20 steps of DDIM)",
        "disk": "40.0 MB in total: checkpoints 6 x 5.0 MB, previews 2.0 MB, log 1.0 MB, pictures 1.0 MB",
        "expect": "no recorded run of mnist",
    }


def test_the_weights_that_training_starts_from_are_named() -> None:
    found = lines(init="bundled:faces")
    assert found["start"] == "from the weights bundled:faces, which suit these images"


@pytest.mark.parametrize(
    ("line", "change", "words"),
    [
        ("speed", {"utilization": 0.314}, "250 images/s, 31% of the card's bf16 peak"),
        ("time", {"epochs": None}, "about 17 min 0 s for 4,000 steps of 64 (256,000 images)"),
        ("plan", {"parameters": {"generator": 10**6, "discriminator": 2 * 10**6}},
         "the preset mnist, 1.00 + 2.00 million parameters, images 1x28x28"),
    ],
)  # fmt: skip
def test_unknown_facts_are_left_out(line: str, change: dict[str, Any], words: str) -> None:
    assert lines(**change)[line] == words


def test_proposals_say_which_are_short_of_the_wanted_images() -> None:
    rows = [
        {"enough": False, "command": "ddpm train mnist --minutes 5", "options": "",
         "steps": 900, "images_per_second": 200.0, "images": 57_600},
        {"enough": True, "command": None, "options": " --set network.channels=16",
         "steps": 4_500, "images_per_second": 1000.0, "images": 288_000},
    ]  # fmt: skip
    text = plan_text({**PLAN, "minutes": 5.0, "wanted": 256_000, "proposals": rows}).splitlines()
    assert text[-2:] == [
        "in 5 min    900 steps at 200 images/s, 57,600 images, short of 256,000: "
        "ddpm train mnist --minutes 5",
        "            4,500 steps at 1000 images/s, 288,000 images: with --set network.channels=16",
    ]
