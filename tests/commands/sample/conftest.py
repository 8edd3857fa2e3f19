"""The chunks that this process draws."""

from __future__ import annotations

import pytest


@pytest.fixture
def chunks(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """The seeds of each chunk drawn in this process."""
    from ddpm.commands.sample import chunked_sampling

    drawn: list[list[int]] = []
    draw = chunked_sampling.sample_images

    def watched(model, seeds, *words, **named):  # type: ignore[no-untyped-def]
        drawn.append(list(seeds))
        return draw(model, seeds, *words, **named)

    monkeypatch.setattr(chunked_sampling, "sample_images", watched)
    return drawn
