"""The request of `ddpm export` has the defaults of the command line."""

from __future__ import annotations

from dataclasses import fields

from ddpm.commands.export.export_request import ExportRequest
from ddpm.commands.options import verb_options


def test_the_request_is_what_the_options_ask() -> None:
    options = {option.name: option for option in verb_options("export")}
    assert set(options) == {field.name for field in fields(ExportRequest)}
    request = ExportRequest("digits")
    for name, option in options.items():
        if name != "target":
            assert getattr(request, name) == option.default
