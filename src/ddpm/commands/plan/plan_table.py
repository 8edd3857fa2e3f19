"""A plan as lines that a person reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ddpm.commands.plan.recorded_runs import row_words
from ddpm.quantities import duration
from ddpm.training.forecast import format_rate

Plan = Mapping[str, Any]
COLUMN = 12  # characters


def plan_words(plan: Plan) -> str:
    """The whole plan, one fact a line."""
    lines = [*_facts(plan), *_expected(plan), *_fitting(plan)]
    return "\n".join(f"{name:<{COLUMN}}{words}" for name, words in lines)


def _facts(plan: Plan) -> Iterator[tuple[str, str]]:
    parameters = " + ".join(f"{n / 1e6:.2f}" for n in plan["parameters"].values())
    shape = "x".join(map(str, plan["shape"]))
    yield "plan", f"{plan['target']}, {parameters} million parameters, images {shape}"
    yield "measured", f"on {plan['device']}, {plan['precision']}, with {plan['images']}"
    used = plan["utilization"]
    share = "" if used is None else f", {used:.0%} of the card's bf16 peak"
    yield "speed", format_rate(plan["images_per_second"]) + share
    epochs = "" if plan["epochs"] is None else f", {plan['epochs']:.1f} epochs"
    yield (
        "time",
        f"about {duration(plan['seconds'])} for {plan['steps']:,} steps of {plan['batch_size']} "
        f"({plan['images_seen']:,} images{epochs})",
    )
    yield (
        "memory",
        f"{size(plan['training_memory'])} training, {size(plan['drawing_memory'])} drawing",
    )
    yield "drawing", f"25 images in {duration_short(plan['drawing_seconds'])} ({plan['drawing']})"
    disk = plan["disk"]
    kept = f"{disk['checkpoints_kept']} x {size(plan['checkpoint'])}"
    rest = ", ".join(f"{name} {size(disk[name])}" for name in ("previews", "log", "pictures"))
    aside = f", averages {size(disk['averages'])}" if disk["averages"] else ""
    yield "disk", f"{size(disk['total'])} in all: checkpoints kept {kept}, {rest}{aside}"


def _expected(plan: Plan) -> Iterator[tuple[str, str]]:
    for index, row in enumerate(plan["recorded"]):
        yield ("" if index else "recorded"), row_words(row)
    yield "expect", plan["expect"]


def _fitting(plan: Plan) -> Iterator[tuple[str, str]]:
    if "proposals" not in plan:
        return
    for index, found in enumerate(plan["proposals"]):
        wanted = "" if found["enough"] else f", short of {plan['wanted']:,}"
        how = found["command"] or f"with{found['options'] or ' these settings'}"
        yield (
            ("" if index else f"in {plan['minutes']:g} min"),
            f"{found['steps']:,} steps at {format_rate(found['images_per_second'])}, "
            f"{found['images']:,} images{wanted}: {how}",
        )


def size(count: int | None) -> str:
    """`640 kB`, `12.8 MB` or `1.06 GB`."""
    if count is None:
        return "unknown"
    if count < 1e6:
        return f"{count / 1e3:.0f} kB"
    return f"{count / 1e6:.1f} MB" if count < 1e9 else f"{count / 1e9:.2f} GB"


def duration_short(seconds: float) -> str:
    """As `duration`, with a decimal below ten seconds."""
    return f"{seconds:.1f} s" if seconds < 10 else duration(seconds)
