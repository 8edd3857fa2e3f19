"""The faces: the bundled subsets hold the report's words, typst's own hold what is taken for granted."""

from __future__ import annotations

import io
import json
import lzma
from importlib import resources
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import matplotlib
import pytest
import typst
from fontTools.ttLib import TTFont

from ddpm.commands.report.words import chinese
from ddpm.commands.report.words.languages import LANGUAGES, fixed_characters
from ddpm.documents.typefaces import (
    BUNDLED,
    LATIN,
    LATIN_OTHERS,
    LATIN_RANGES,
    PACKED,
    SANS,
    SERIF,
    characters,
    characters_of,
    faces,
    in_latin,
    in_system_fonts,
    unpack,
    without_glyph,
)
from ddpm.documents.typst_pdf import families_of
from ddpm.errors import RequestError

FONTS = resources.files("ddpm") / "documents" / "fonts"
ROOT = Path(__file__).parents[2]


def opened(family: str) -> TTFont:
    packed = (FONTS / (BUNDLED[family] + PACKED)).read_bytes()
    return TTFont(io.BytesIO(lzma.decompress(packed)))


def test_no_word_of_the_report_lacks_a_glyph() -> None:
    assert without_glyph([fixed_characters()]) == []
    headings = "".join(word for tables in LANGUAGES.values() for word in tables.WORDS.values())
    assert set(headings) - characters(SANS) <= set("₀")  # in no heading
    for text in (*chinese.WORDS.values(), *chinese.SETTINGS.values()):
        missing = {c for c in text if ord(c) > 0x2E80} - characters(SERIF)
        assert missing == set(), text


def test_common_chinese_is_there() -> None:
    texts = [
        "我們在訓練中發現，判別器的損失趨近於零時，生成器容易發生模式崩潰；",
        "混淆矩陣顯示「四」與「九」最難分辨。",
    ]
    assert without_glyph(texts) == []
    assert len(characters(SERIF)) > 3600


@pytest.mark.parametrize("family", [SERIF, SANS])
def test_the_subsets_have_names_of_their_own_and_their_licence(family: str) -> None:
    font = opened(family)
    names = {record.nameID: str(record) for record in font["name"].names}
    assert names[1] == family and "SIL Open Font License" in names[13] and "Adobe" in names[0]
    for number in (1, 3, 4, 6):  # what a font says it is called; 10 says what it was made from
        assert "Noto" not in names[number] and "Source" not in names[number]
    cff = font["CFF "].cff
    assert all(word not in cff.fontNames[0] for word in ("Noto", "Source"))
    assert cff.topDictIndex[0].FamilyName == family
    licence = (FONTS / "OFL.txt").read_text("utf-8")
    assert "Version 1.1" in licence and "Reserved Font Name 'Source'" in licence


def test_both_together_are_less_than_a_megabyte() -> None:
    sizes = [len((FONTS / (name + PACKED)).read_bytes()) for name in BUNDLED.values()]
    assert sum(sizes) < 1_000_000


def test_typst_finds_the_families_under_their_names(tmp_path: Path) -> None:
    unpack(tmp_path)
    for family, name in BUNDLED.items():
        assert families_of(tmp_path / name) == [family]


def test_what_is_taken_for_granted_of_the_latin_face_is_there() -> None:
    """Typst measures each glyph; one that is missing is as large as that of a noncharacter."""
    wanted = [chr(p) for low, high in LATIN_RANGES for p in range(low, high + 1)]
    wanted += sorted(LATIN_OTHERS)
    measures = (f'measure("\\u{{{ord(c):x}}}").values().map(repr)' for c in [*wanted, "\U0010ffff"])
    source = (
        f'#set text(font: "{LATIN}", fallback: false, top-edge: "bounds", bottom-edge: "bounds")\n'
        f"#context [#metadata(({', '.join(measures)},)) <m>]"
    )
    found = typst.query(source.encode(), "<m>", field="value", one=True, ignore_system_fonts=True)
    *sizes, missing = json.loads(found)
    assert [c for c, size in zip(wanted, sizes, strict=True) if size == missing] == []
    assert in_latin("é") and in_latin("α") and not in_latin("字") and not in_latin("😀")


def test_characters_without_a_glyph_are_named_once_in_order() -> None:
    assert without_glyph(["a龘b", "龘𠮷", "\n\u200b"]) == ["龘", "𠮷"]
    assert without_glyph(["a龘b"], frozenset("龘")) == []


def test_headings_are_bold_where_the_bold_face_has_all_of_them() -> None:
    found = faces(["Mine"])
    assert found.heading("3 方法 U-Net") == (SANS,)
    assert found.heading("龘") == (LATIN, "Mine", SERIF)


def dejavu() -> Path:
    return Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"


def test_a_font_of_the_users_is_read() -> None:
    assert "ж" in characters_of(dejavu()) and "字" not in characters_of(dejavu())
    assert families_of(dejavu()) == ["DejaVu Sans"]


@pytest.mark.parametrize("content", [b"", b"no font at all", b"OTTO" + bytes(40)])
def test_a_file_that_is_no_font_is_one_sentence(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.ttf"
    path.write_bytes(content)
    with pytest.raises(RequestError, match="cannot be read as a font"):
        characters_of(path)
    with pytest.raises(RequestError, match="cannot be read as a font"):
        characters_of(tmp_path / "missing.ttf")


def test_fonts_of_the_machine_are_asked_and_broken_ones_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken.ttf").write_bytes(b"nothing")
    there = [str(tmp_path / "broken.ttf"), str(dejavu())]
    monkeypatch.setattr("matplotlib.font_manager.findSystemFonts", lambda: there)
    assert in_system_fonts("ж龘") == {"ж"}


def script() -> ModuleType:
    spec = spec_from_file_location("subset_font", ROOT / "scripts" / "subset_font.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_script_takes_the_most_common_characters_of_words() -> None:
    module = script()
    essay = "的\t100\n了不\t7\n不\t3%\nabc\t9000\n龘\t9000\nno frequency\n"
    assert module.most_common(essay, 3) == "的不了"  # by frequency, then by code
    assert module.is_common("的") and not module.is_common("龘") and not module.is_common("a")
    assert set(module.FIELD) - {" "} <= characters(SERIF)
