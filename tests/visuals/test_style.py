"""The font of captions."""

from __future__ import annotations

from ddpm.visuals.style import load_font


def test_the_font_has_the_signs_of_captions() -> None:
    missing = load_font().getmask("\uffff").getbbox(), bytes(load_font().getmask("\uffff"))
    for sign in "–×σ₀ₜ…%é":
        mask = load_font().getmask(sign)
        assert (mask.getbbox(), bytes(mask)) != missing
