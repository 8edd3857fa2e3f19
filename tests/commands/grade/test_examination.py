"""The examination of one hand-in: every fault becomes a check of its own."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ddpm.commands.grade import examination
from ddpm.commands.grade.examination import Examiner
from ddpm.commands.grade.grid_scores import GridScorer
from ddpm.commands.grade.submissions import Submission
from ddpm.visuals.grid_mark import GridMark
from ddpm.visuals.grids import save_grid
from ddpm.visuals.layout import fit_layout


@pytest.fixture
def examiner(tmp_path: Path) -> Examiner:
    none = str(tmp_path / "none")
    scorers = {"mnist": GridScorer(none, (1, 28, 28)), "anime": GridScorer(none, (3, 64, 64))}
    return Examiner(scorers, device="cpu")


def packed(tmp_path: Path, **files: bytes) -> Submission:
    with zipfile.ZipFile(tmp_path / "7_hw2_2.zip", "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/").replace("_dot_", "."), content)
    return Submission("7_hw2_2.zip", tmp_path / "7_hw2_2.zip")


def marked_grid(tmp_path: Path, steps: int) -> bytes:
    images = np.random.default_rng(0).integers(0, 256, (25, 1, 28, 28), np.uint8)
    mark = GridMark(fit_layout(5, 5, (28, 28)), 1, tuple(range(25)), "beef", None, {"steps": steps})
    save_grid(tmp_path / "grid.jpg", images, 5, 5, comment=mark.comment())
    return (tmp_path / "grid.jpg").read_bytes()


@pytest.mark.parametrize(
    ("steps", "reason"),
    [(7, "no weights are handed in"), (10**6, "1,000,000 sampling steps are more")],
)
def test_a_grid_that_cannot_be_drawn_again_is_not_verifiable(
    steps: int, reason: str, examiner: Examiner, tmp_path: Path
) -> None:
    submission = packed(tmp_path, result_mnist_dot_jpg=marked_grid(tmp_path, steps))
    record = examiner.examine(submission, "key")
    (check,) = [c for c in record["checks"] if "not sampled again" in c["text"]]
    assert check["state"] == "not verifiable" and reason in check["text"]
    assert len(record["pictures"]["result_mnist.jpg"]["cells"]) == 25
    assert record["pictures"]["result_mnist.jpg"]["weights"] == "beef"


def test_an_error_of_our_own_is_a_line_of_this_hand_in(
    examiner: Examiner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise MemoryError("no memory")

    monkeypatch.setattr(examination, "check_files", fail)
    (check,) = examiner.examine(packed(tmp_path, a=b"1"), "key")["checks"]
    assert check["state"] == "not verifiable" and "MemoryError: no memory" in check["text"]


def test_pictures_are_encoded_anew(examiner: Examiner, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (900, 300), "red").save(buffer, "JPEG", comment=b"<script>")
    record = examiner.examine(packed(tmp_path, loss_mnist_dot_jpg=buffer.getvalue()), "key")
    row = record["pictures"]["loss_mnist.jpg"]
    assert row["size"] == [900, 300] and len(row["thumbnail"]) < 3000
    assert record["student_id"] == "7" and "key" in examiner.codes
