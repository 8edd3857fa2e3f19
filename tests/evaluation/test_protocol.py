from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from ddpm.errors import RequestError
from ddpm.evaluation.protocol import ScoreProtocol, content_hash, require_same_protocol

PROTOCOL = ScoreProtocol("digits", "abc", "28x28, black", 1000, "f00", 60000, 0)


def row(metric: str = "fd", **changes: object) -> dict[str, object]:
    return {"value": 1.0, "protocol": replace(PROTOCOL, **changes).line(metric)}


def test_the_line_says_everything() -> None:
    line = PROTOCOL.line("fd")
    for part in ("metric=fd", "network=digits", "weights=abc", "n=1000", "reference=f00", "black"):
        assert part in line
    assert "network=pixels | weights=- | resize=-" in PROTOCOL.line("detail", pixels=True)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"n": 5000}, "n 1000 and 5000"),
        ({"reference": "bad"}, "reference f00 and bad"),
        ({"network": "self", "weights": "d"}, "network digits and self, weights abc and d"),
        ({"metric": "kid"}, "metric fd and kid"),
        ({"resize": "32x32"}, "resize 28x28, black and 32x32"),
        ({"seed": 1}, "seed 0 and 1"),
    ],
)
def test_different_protocols_refuse_and_name_the_difference(change: dict, words: str) -> None:
    require_same_protocol([row(), row()])
    with pytest.raises(RequestError, match=words):
        require_same_protocol([row(), row(), row(**change)])


def test_content_hashes_see_every_byte_the_shape_and_the_order() -> None:
    images = torch.arange(5000 * 4, dtype=torch.int64).remainder(251).byte().view(5000, 1, 2, 2)
    known = content_hash(images)
    changed = images.clone()
    changed[4999, 0, 1, 1] ^= 1
    others = [changed, images.flip(0), images.view(5000, 1, 1, 4), images[:4999]]
    assert len({known, *map(content_hash, others)}) == 5
    assert content_hash(images.clone()) == known
    assert content_hash(images.transpose(2, 3).contiguous().transpose(2, 3)) == known
