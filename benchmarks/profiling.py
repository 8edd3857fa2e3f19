"""Time of a training step by kind of work and by operator."""

from __future__ import annotations

import re
from typing import Any

from torch.profiler import ProfilerActivity, profile

from benchmarks.results import markdown
from benchmarks.sides import Setup
from benchmarks.worker import Bench

STEPS = 10
SHOWN = 18  # operators in the table
KINDS = {  # the first pattern that fits an operator's name decides
    "convolution": r"conv|mkldnn_reorder",
    "group norm": r"group_norm",
    "matrix product": r"mm$|addmm|bmm|matmul|linear|dot|einsum",
    "softmax and attention": r"softmax|scaled_dot",
    "activation": r"silu|sigmoid|relu|gelu",
    "dtype and layout": r"_to_copy|copy_|contiguous|clone|cat$|pixel_|upsample|constant_pad|interpolate",
    "random numbers": r"randn|rand|normal_|uniform_|randint",
    "reduction": r"sum|mean|norm|bincount|index_add",
    "elementwise": r"add|mul|div|sub|lerp|addc|sqrt|pow|neg|sin|cos|fill|zero",
}  # fmt: skip


def kind(operator: str) -> str:
    """Return the kind of work of an operator such as `aten::native_group_norm`."""
    name = operator.removeprefix("aten::")
    return next((k for k, pattern in KINDS.items() if re.search(pattern, name)), "other")


def report(setup: Setup) -> str:
    """Return two tables for our side: milliseconds per step by kind, and of the slowest operators."""
    bench = Bench(setup)
    bench.warm()
    plain = bench.train(seconds=2.0)
    with profile(activities=[ProfilerActivity.CPU]) as watched:
        for _ in range(STEPS):
            bench.side.step()
    events = [e for e in watched.key_averages() if e.self_cpu_time_total > 0]
    step = 1000 * plain["seconds"] / plain["steps"]
    title = (
        f"{setup.network}, {setup.precision}, batch {setup.batch}: {step:.1f} ms a step, "
        f"{1000 * setup.batch / step:.0f} images/s unwatched\n"
    )
    return "\n".join([title, _kinds(events), "", _operators(events), ""])


def _kinds(events: list[Any]) -> str:
    times: dict[str, float] = {}
    for event in events:
        name = kind(event.key)
        times[name] = times.get(name, 0.0) + event.self_cpu_time_total
    total = sum(times.values())
    order = sorted(times.items(), key=lambda item: -item[1])
    rows = [[name, f"{t / STEPS / 1000:.2f}", f"{t / total:.1%}"] for name, t in order]
    return markdown(["kind of work", "ms a step", "share"], rows)


def _operators(events: list[Any]) -> str:
    total = sum(event.self_cpu_time_total for event in events)
    dearest = sorted(events, key=lambda event: -event.self_cpu_time_total)[:SHOWN]
    rows = [
        [
            f"`{event.key}`",
            kind(event.key),
            f"{event.count / STEPS:.0f}",
            f"{event.self_cpu_time_total / STEPS / 1000:.2f}",
            f"{event.self_cpu_time_total / total:.1%}",
        ]
        for event in dearest
    ]
    return markdown(["operator", "kind", "calls a step", "ms a step", "share"], rows)
