"""What `ddpm export` refuses, and how it names its files."""

from __future__ import annotations

from pathlib import Path

import pytest

from ddpm.commands.export.export import export, write_export
from ddpm.commands.export.export_request import ExportRequest
from ddpm.errors import RequestError


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (ExportRequest("digits", "tensorflow"), "no format 'tensorflow'; the formats are torch"),
        (ExportRequest("digits", "torch", Path("x.onnx")), "add --to onnx"),
        (ExportRequest("digits", "torch", guidance="in"), "--guidance has no effect on --to torch"),
        (ExportRequest("digits", raw=True), "has only averaged weights"),
        (ExportRequest("nothing"), "nothing"),
    ],
)
def test_a_wrong_request_writes_nothing(
    request_: ExportRequest, message: str, workplace: Path
) -> None:
    with pytest.raises(RequestError, match=message):
        write_export(request_)
    assert list(workplace.iterdir()) == []


def test_files_are_named_for_the_model(workplace: Path) -> None:
    assert export("bundled:digits", "torch") == Path("bundled-digits.pt")
