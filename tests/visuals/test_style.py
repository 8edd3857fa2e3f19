"""The font of captions."""

from __future__ import annotations

from ddpm.visuals.fallback_fonts import font_runs


def test_the_font_has_the_signs_of_captions() -> None:
    missing = (
        font_runs("x")[0][1].getmask("\uffff").getbbox(),
        bytes(font_runs("x")[0][1].getmask("\uffff")),
    )
    for sign in "–×σ₀ₜ…%é":
        mask = font_runs("x")[0][1].getmask(sign)
        assert (mask.getbbox(), bytes(mask)) != missing
