"""The comparison of torch and onnxruntime measures both sides on equal images."""

from __future__ import annotations

from benchmarks.onnx_speed import measured, table


def test_both_sides_draw_the_same_images() -> None:
    result = measured("bundled:digits", 1, (1,))
    (row,) = result["rows"]
    assert row["differences"]["onnxruntime"] <= 1
    assert all(len(taken) == 1 and taken[0] > 0 for taken in row["seconds"].values())
    assert "| onnxruntime | 1 |" in table(result)
