"""Characters that DejaVu Sans lacks are drawn with the bundled font, or named."""

from __future__ import annotations

from pathlib import Path

import pytest

from ddpm.visuals import fallback_fonts as module
from ddpm.visuals.fallback_fonts import fallback_fonts, font_runs

UNKNOWN = "\ue123\ue124"  # private use: no font is likely to have them


@pytest.fixture
def no_system_fonts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_candidates", lambda: iter([module._bundled_font()]))
    monkeypatch.setattr(module, "_reported", set())


def test_latin_text_needs_no_other_font() -> None:
    assert fallback_fonts("seeds 0–24, σ = 0.5 × é") == []
    [(text, font)] = font_runs("seeds 0–24")
    assert text == "seeds 0–24" and "DejaVu" in Path(font.path).name


@pytest.mark.usefixtures("no_system_fonts")
def test_chinese_runs_take_the_bundled_font_and_the_rest_keeps_its_own() -> None:
    runs = font_runs("seed 種子 7")
    assert [text for text, _ in runs] == ["seed ", "種子", " 7"]
    names = [Path(font.path).name for _, font in runs]
    assert names[0] == names[2] != names[1] and names[1].startswith("StudioSerifTC")


@pytest.mark.usefixtures("no_system_fonts")
def test_a_character_without_a_font_is_named_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert fallback_fonts(UNKNOWN) == []
    fallback_fonts(UNKNOWN)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert "no installed font has" in lines[0] and "(U+E123)" in lines[0] and "boxes" in lines[0]


def test_a_file_that_is_no_font_has_no_characters(tmp_path: Path) -> None:
    (tmp_path / "broken.ttf").write_bytes(b"no font")
    assert module._characters(tmp_path / "broken.ttf") == frozenset()
    assert module._characters(tmp_path / "missing.ttf") == frozenset()
