"""The hand-in's names: what is right passes, each mistake is called by its right name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddpm.commands.bundle.names import (
    name_faults,
    pdf_fault,
    student_id_of,
    top_names,
    zip_fault,
    zip_name,
)
from ddpm.errors import RequestError

ID = "0712345"
RIGHT = [*top_names(ID), "source/train.py", "source/deep/er.py"]
PDF = b"%PDF-1.7\n1 0 obj\nendobj\nstartxref\n9\n%%EOF\n"


def renamed(old: str, new: str) -> list[str]:
    return [name.replace(old, new) for name in RIGHT]


def test_the_six_files_and_the_source_are_right() -> None:
    assert top_names(ID) == (
        "report_0712345.pdf", "result_mnist.jpg", "loss_mnist.jpg", "result_anime.jpg",
        "loss_anime.jpg", "readme.txt",
    )  # fmt: skip
    assert name_faults(RIGHT, ID) == []


@pytest.mark.parametrize(
    ("names", "faults"),
    [
        (renamed("result_mnist", "result_minst"),
         ["result_minst.jpg is misnamed; rename it to result_mnist.jpg"]),
        (renamed("loss_anime.jpg", "Loss_Anime.JPG"),
         ["Loss_Anime.JPG is misnamed; rename it to loss_anime.jpg"]),
        (renamed("loss_anime.jpg", "loss_anime.png"),
         ["loss_anime.png has another format; save it as loss_anime.jpg"]),
        (renamed("0712345", "0712354"),
         ["report_0712354.pdf is misnamed; rename it to report_0712345.pdf"]),
        (renamed("source/", "src/"), ["src/ is misnamed; rename it to source/"]),
        (renamed("readme.txt", "source/readme.txt"), ["readme.txt is missing; add it"]),
        (RIGHT[1:], ["report_0712345.pdf is missing; add it"]),
        (RIGHT[:6], ["source/ is missing; add it"]),
        ([*RIGHT[:6], "source"], ["source is misnamed; rename it to source/"]),
        ([*RIGHT, "result_mnist.jpg"], ["result_mnist.jpg occurs more than once; keep one"]),
        ([*RIGHT, "weights.pt", "__MACOSX/._readme.txt"],
         ["__MACOSX/ is not part of the hand-in; remove it",
          "weights.pt is not part of the hand-in; remove it"]),
        (["hw/" + name for name in RIGHT],
         ["all files are in the folder hw; zip its contents, not the folder itself"]),
        ([], [f"{name} is missing; add it" for name in sorted([*top_names(ID), "source/"])]),
    ],
)  # fmt: skip
def test_each_mistake_is_named(names: list[str], faults: list[str]) -> None:
    assert name_faults(names, ID) == faults


@given(st.permutations(RIGHT), st.integers(0, 5))
def test_every_missing_file_is_missed_whatever_the_order(names: list[str], index: int) -> None:
    left = [name for name in names if name != RIGHT[index]]
    assert name_faults(left, ID) == [f"{RIGHT[index]} is missing; add it"]


def test_two_swapped_names_each_get_their_own() -> None:
    names = renamed("result_mnist.jpg", "reslut_mnist.jpg")
    names = [name.replace("result_anime.jpg", "result-anime.jpg") for name in names]
    assert sorted(name_faults(names, ID)) == [
        "reslut_mnist.jpg is misnamed; rename it to result_mnist.jpg",
        "result-anime.jpg is misnamed; rename it to result_anime.jpg",
    ]


def test_the_id_makes_file_names_and_nothing_else() -> None:
    assert zip_name(ID) == "0712345_hw2_2.zip"
    for wrong in ("", "../up", "a/b", "07 12", ".hidden", "x" * 33, "名", "-o", "a\n"):
        with pytest.raises(RequestError, match="letters, digits"):
            zip_name(wrong)


def test_the_id_is_read_from_the_zip_else_from_the_report() -> None:
    assert student_id_of("0712345_hw2_2.zip", ["report_9.pdf"]) == "0712345"
    assert student_id_of("homework.zip", ["a.jpg", "report_A-9.pdf"]) == "A-9"
    assert student_id_of("homework.zip", []) == "ID"
    assert zip_fault("0712345_hw2_2.zip", ID) is None
    assert zip_fault("0712345_hw2-2.zip", ID) == (
        "0712345_hw2-2.zip is misnamed; rename it to 0712345_hw2_2.zip"
    )


def test_a_pdf_has_its_header_and_its_end() -> None:
    assert pdf_fault(PDF) is None
    assert "does not begin" in (pdf_fault(b"PK\x03\x04" + PDF[9:]) or "")
    for cut in (PDF[:-3], PDF[:30], b"%PDF-", PDF + bytes(2000)):
        assert "incomplete" in (pdf_fault(cut) or "")
