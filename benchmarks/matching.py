"""Our U-Net in the shape of each peer's: levels, attention at 7x7, and parameters within 5 percent."""

from __future__ import annotations

from typing import Any

WITHIN = 0.05

# denoising-diffusion-pytorch keeps a level's width until it has halved the picture, so that its level
# widths are 32, 32 and 64, then 128 in the middle and 128, 64, 32 on the way up; ours widen at once.
# 32-64-96 has its parameters and its work, and one block more (16 against 15; 17 with diffusers). Its four
# layers of linear attention at 28x28 and 14x14 have no counterpart in ours: that share of the work lies in
# 3x3 convolutions instead, which are done faster, so that the two are equal in count and not in kind.
MATCHED: dict[str, dict[str, Any]] = {
    "lucidrains": {"channels": 32, "multipliers": (1, 2, 3), "blocks": 2, "attention": (7,)},
    "diffusers": {"channels": 32, "multipliers": (1, 2, 4), "blocks": 2, "attention": (7,)},
}


def apart(ours: float, peer: float) -> float:
    """Return the relative difference of our count from the peer's."""
    return ours / peer - 1


def check_match(peer: str, ours: int, theirs: int) -> None:
    """Raise SystemExit if the parameters of the two networks differ by more than `WITHIN`."""
    if abs(apart(ours, theirs)) > WITHIN:
        raise SystemExit(
            f"Our network has {ours:,} parameters and that of {peer} {theirs:,}: more than {WITHIN:.0%} "
            "apart. Change its row in benchmarks/matching.py."
        )


def check_torch(peer: str, ours: str, theirs: str) -> None:
    """Raise SystemExit if the two sides run on different versions or builds of torch."""
    if ours != theirs:
        raise SystemExit(
            f"Our process runs on torch {ours} and that of {peer} on {theirs}. Remove .venv-peers, so that "
            "it is built anew with ours, or give --peers-python an interpreter that has the same."
        )
