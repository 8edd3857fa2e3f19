"""The model card says how to use the model, what it scored beside its floor, and the data's license."""

from __future__ import annotations

from pathlib import Path

import pytest

from ddpm.commands.export.model_card import card_text
from ddpm.commands.export.model_facts import ModelFacts

FACTS = ModelFacts(
    name="mine",
    weights="0123456789abcdef",
    rows=(("images", "28x28, gray"), ("note", "a | b")),
    data="mnist",
    license="CC BY-SA 3.0",
    command="ddpm train mnist --out runs/mine",
    scores=(("FD-digits", "8.90 [6.61, 12.0]", "6.85", "1.30"),),
    scores_note="1000 images against mnist.",
    loss_plot=Path("unused.png"),
)


@pytest.mark.parametrize("stock", ["DDIMPipeline", "DDPMPipeline", ""])
def test_a_card_is_complete(stock: str) -> None:
    text = card_text(FACTS, stock)
    assert text.startswith("---\nlibrary_name: diffusers\n") and "# mine\n" in text
    for part in (
        "8.90",
        "| 6.85 |",
        "License of the data: CC BY-SA 3.0",
        "## Memorization",
    ):
        assert part in text
    assert "ddpm train mnist --out runs/mine" in text and "a \\| b" in text
    assert ("trust_remote_code=True" in text) == (stock == "")
    assert ("use_clipped_model_output=True" in text) == (stock == "DDIMPipeline")
    assert ("--sampler ancestral" in text) == (stock == "DDPMPipeline")


def test_a_card_without_scores_claims_none() -> None:
    bare = ModelFacts("x", "0", (), "", "unknown")
    text = card_text(bare, "")
    assert "## Scores" not in text and "images that are not named" in text
