"""The best checkpoint: lowest held-out loss, the same after a resume, never pruned."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ddpm.training.best_checkpoint import BestCheckpoint
from ddpm.training.checkpoint import steps_to_keep

LOSSES = st.dictionaries(st.integers(1, 200), st.floats(0, 1), max_size=30)


def told(losses: dict[int, float]) -> BestCheckpoint:
    best = BestCheckpoint()
    for step in sorted(losses):
        assert best({"step": step, "loss": 9.0, "batch": 4}) == []
        assert best({"step": step, "heldout_loss": losses[step]}) == []
    return best


def test_the_loss_of_a_checkpoint_is_the_last_one_measured_by_then() -> None:
    best = told({10: 0.5, 20: 0.2, 30: 0.4})
    assert best.best_step([5, 10, 25, 30]) == 25
    assert best.best_step([10, 30, 31]) == 30  # of equals the first
    assert best.best_step([5, 9]) is None and best.best_step([]) is None


@given(LOSSES, st.integers(1, 20))
def test_the_best_of_all_is_there_at_the_end(losses: dict[int, float], every: int) -> None:
    """Pruned at each checkpoint, as a run does, by what is known at that time."""
    alive: set[int] = set()
    saved = range(every, 201, every)
    for step in saved:
        known = told({s: loss for s, loss in losses.items() if s <= step})
        alive = steps_to_keep({*alive, step}, known.best_step({*alive, step}))
    assert told(losses).best_step(saved) in {*alive, None}
    assert steps_to_keep(saved) <= alive and len(alive) <= len(steps_to_keep(saved)) + 1
