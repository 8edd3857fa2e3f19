"""A plan as lines of text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ddpm.commands.plan.recorded_runs import recorded_text
from ddpm.quantities import format_bytes, format_duration, format_rate

Plan = Mapping[str, Any]
NAME_WIDTH = 12  # characters


def plan_text(plan: Plan) -> str:
    """Return the plan as text, one fact in each line."""
    lines = [*_facts(plan), *_expectation(plan), *_proposals(plan)]
    return "\n".join(f"{name:<{NAME_WIDTH}}{words}" for name, words in lines)


def _facts(plan: Plan) -> Iterator[tuple[str, str]]:
    parameters = " + ".join(f"{n / 1e6:.2f}" for n in plan["parameters"].values())
    shape = "x".join(map(str, plan["shape"]))
    yield "plan", f"{plan['target']}, {parameters} million parameters, images {shape}"
    if plan["init"] is not None:
        yield "start", f"from the weights {plan['init']}, which suit these images"
    yield "measured", f"on {plan['device']}, {plan['precision']}, with {plan['images']}"
    used = plan["utilization"]
    share = "" if used is None else f", {used:.0%} of the card's bf16 peak"
    yield "speed", format_rate(plan["images_per_second"]) + share
    epochs = "" if plan["epochs"] is None else f", {plan['epochs']:.1f} epochs"
    yield (
        "time",
        f"about {format_duration(plan['seconds'])} for {plan['steps']:,} steps of {plan['batch_size']} "
        f"({plan['images_seen']:,} images{epochs})",
    )
    yield (
        "memory",
        f"{format_bytes(plan['training_memory'])} training, {format_bytes(plan['drawing_memory'])} sampling",
    )
    seconds = format_duration(plan["drawing_seconds"], tenths=True)
    yield "sampling", f"25 images in {seconds} ({plan['drawing']})"
    disk = plan["disk"]
    kept = f"{disk['checkpoints_kept']} x {format_bytes(plan['checkpoint'])}"
    rest = ", ".join(
        f"{name} {format_bytes(disk[name])}" for name in ("previews", "log", "pictures")
    )
    averages = f", averages {format_bytes(disk['averages'])}" if disk["averages"] else ""
    yield "disk", f"{format_bytes(disk['total'])} in total: checkpoints {kept}, {rest}{averages}"


def _expectation(plan: Plan) -> Iterator[tuple[str, str]]:
    for index, row in enumerate(plan["recorded"]):
        yield ("" if index else "recorded"), recorded_text(row)
    yield "expect", plan["expect"]


def _proposals(plan: Plan) -> Iterator[tuple[str, str]]:
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
