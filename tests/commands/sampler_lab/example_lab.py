"""Content of a sampler-lab.json: three settings and the baseline."""

from __future__ import annotations

from typing import Any

from ddpm.messages import message


def point(sampler: str, steps: int, value: float, **more: Any) -> dict[str, Any]:
    """A measured setting; `as_good` says whether it is distinguishable from the best."""
    return {
        "sampler": sampler, "steps": steps, "spacing": "trailing", "evaluations": steps,
        "seconds_per_image": 0.0015 * steps, "solver_error": 1.25, "value": value, "low": value - 1,
        "high": value + 1, "ratio": value / 4, "as_good": False, "baseline": False, **more,
    }  # fmt: skip


LAB: dict[str, Any] = {
    "name": "mine",
    "label": "FD-digits (n=20, train ref)",
    "n": 20,
    "seeds": [0, 19],
    "network": "digits",
    "network_why": "the images are digits",
    "reference": {"name": "digits", "what": "1,753 training images"},
    "floor": {"value": 4.0, "low": 3.0, "high": 5.0, "what": "held-out images"},
    "notes": [],
    "points": [
        point("ddim", 4, 9.0, as_good=True),
        point("ddim", 2, 30.0),
        point("unipc", 4, 8.0, as_good=True),
        point("ancestral", 1000, 8.5, as_good=True, baseline=True, solver_error=None),
    ],
    "best": 2,
    "recommended": 0,
    "default": message("default_changed", run="runs/mine"),
}
