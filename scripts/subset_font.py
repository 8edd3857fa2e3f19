"""Make the two fonts of the Chinese report, subsets of Noto Serif CJK TC and Noto Sans CJK TC.

    python scripts/subset_font.py \\
        --serif NotoSerifCJK-Regular.ttc --sans NotoSansCJK-Bold.ttc --essay essay.txt

The inputs are files of Debian packages: the fonts of fonts-noto-cjk 1:20220127+repack1-1 (in
/usr/share/fonts/opentype/noto) and the word frequencies of rime-essay 0.0~git20230204 (in
/usr/share/rime-data). Equal inputs and an equal version of fontTools give equal bytes. Run it again if
`tests/documents/test_typefaces.py` reports a character that the fonts lack.

The serif font holds ASCII, the words of the report, Chinese punctuation and the most common characters of
written Traditional Chinese. The bold sans, for headings, holds ASCII and the words of the report. Both are
under the SIL Open Font License (fonts/OFL.txt), which asks for a new name where a font was changed.
"""

from __future__ import annotations

import argparse
import io
import lzma
from collections import defaultdict
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTCollection, TTFont

from ddpm.commands.report.words.languages import fixed_characters
from ddpm.documents.typefaces import BUNDLED, PACKED, SANS, SERIF
from ddpm.files import atomic_file

COMMON_COUNT = 3560
FOLDER = Path(__file__).parents[1] / "src" / "ddpm" / "documents" / "fonts"
ASCII = "".join(map(chr, range(0x20, 0x7F)))
PUNCTUATION = (
    "　、。〈〉《》「」『』【】〔〕・～！＂＃＄％＆＇（）＊＋，－．／：；＜＝＞？＠［＼］＾＿｀｛｜｝"
    "０１２３４５６７８９—…‧·×÷±℃％①②③④⑤⑥⑦⑧⑨⑩㎝㎏" + "".join(map(chr, range(0x3105, 0x312A)))
)
FIELD = (  # terms of the field with characters that are too rare for the count above
    "混淆矩陣 卷積 歸一化 正規化 池化 梯度 收斂 震盪 崩潰 瓶頸 模糊 稜角 棋盤 雜訊 "
    "訊噪比 殘差 擬合 泛化 潛在 隱藏 編碼 解碼 嵌入 超參數 權重 衰減 學習率 批次 "
    "迭代 週期 損失 熵 散度 機率 變異數 協方差 高斯 馬可夫 蒙地卡羅 取樣 插值 雜湊 "
    "種子 排程 餘弦 線性 對數 軸 閾值 裁剪 翻轉 旋轉 縮放 彩度 灰階 像素 紋理 輪廓 "
    "瞳孔 髮絲 臉頰 眉毛 嘴唇 動漫 筆畫 斷裂 黏連 鋸齒 晶片 顯卡 記憶體 伺服器 爆炸 "
    "消失 飽和 對抗 生成 判別 鑑別 辨識 收集 標註 擷取 驗證 儲存 檢查點 復現 重現 "
    "摘要 綜述 貢獻 侷限 瑕疵 偽影 失真 銳利 朦朧"
)
MADE = "Subset of {original}, made by scripts/subset_font.py of ddpm-studio."


def main() -> None:
    """Write both fonts into the package."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--serif", type=Path, required=True, help="NotoSerifCJK-Regular.ttc")
    parser.add_argument("--sans", type=Path, required=True, help="NotoSansCJK-Bold.ttc")
    parser.add_argument("--essay", type=Path, required=True, help="lines of word, tab, frequency")
    options = parser.parse_args()
    own = ASCII + fixed_characters()
    common = most_common(options.essay.read_text(encoding="utf-8"), COMMON_COUNT)
    for path, family, wanted in (
        (options.serif, SERIF, own + PUNCTUATION + FIELD + common),
        (options.sans, SANS, own),
    ):
        content = lzma.compress(subset(path, family, wanted), preset=9 | lzma.PRESET_EXTREME)
        place = FOLDER / (BUNDLED[family] + PACKED)
        with atomic_file(place) as temporary:
            temporary.write_bytes(content)
        print(f"{place.name}: {len(content):,} bytes")


def most_common(essay: str, count: int) -> str:
    """Return the `count` most frequent characters among the 5,401 of level 1 of Big5."""
    found: defaultdict[str, float] = defaultdict(float)
    for line in essay.splitlines():
        word, _, rest = line.partition("\t")
        for character in word if rest else "":
            if is_common(character):
                found[character] += float(rest.split("\t")[0].rstrip("%") or 0)
    ranked = sorted(found, key=lambda character: (-found[character], character))
    return "".join(ranked[:count])


def is_common(character: str) -> bool:
    """Return whether a character is in level 1 of Big5."""
    try:
        code = character.encode("big5")
    except UnicodeEncodeError:
        return False
    return b"\xa4\x40" <= code <= b"\xc6\x7e"


def subset(path: Path, family: str, wanted: str) -> bytes:
    """Return the Traditional Chinese font of a collection, reduced to `wanted` characters and renamed."""
    with TTCollection(path) as collection:
        names = [font["name"].getDebugName(4) for font in collection.fonts]
    number = next(
        i for i, name in enumerate(names) if name.endswith("CJK TC") or " CJK TC " in name
    )
    font = TTFont(path, fontNumber=number, recalcTimestamp=False)
    options = Options(
        hinting=False,
        notdef_outline=True,
        name_IDs=["*"],
        layout_features=["kern"],
        glyph_names=False,
    )
    options.drop_tables += ["BASE", "VORG", "vhea", "vmtx", "GSUB"]
    subsetter = Subsetter(options)
    subsetter.populate(text=wanted)
    subsetter.subset(font)
    rename(font, family, "Bold" if family == SANS else "Regular", names[number])
    buffer = io.BytesIO()
    font.save(buffer)
    return buffer.getvalue()


def rename(font: TTFont, family: str, style: str, original: str) -> None:
    """Replace the family name of the font; keep its copyright and license."""
    table, plain = font["name"], family.replace(" ", "")
    copyright_line, license, address = (table.getDebugName(number) for number in (0, 13, 14))
    table.names = []
    for number, text in {
        0: copyright_line,
        1: family,
        2: style,
        3: f"{plain}-{style}",
        4: f"{family} {style}",
        6: f"{plain}-{style}",
        10: MADE.format(original=original),
        13: license,
        14: address,
    }.items():
        table.setName(text, number, 3, 1, 0x409)
    cff = font["CFF "].cff
    cff.fontNames = [f"{plain}-{style}"]
    top = cff.topDictIndex[0]
    top.FullName, top.FamilyName = f"{family} {style}", family
    for part in getattr(top, "FDArray", []):
        part.FontName = plain


if __name__ == "__main__":
    main()
