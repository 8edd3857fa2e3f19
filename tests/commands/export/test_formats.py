"""The table of formats agrees with the command line."""

from __future__ import annotations

from ddpm.commands.export.formats import FORMATS
from ddpm.commands.options import verb_options


def test_the_command_line_offers_every_format() -> None:
    options = {option.name: option for option in verb_options("export")}
    assert tuple(options["to"].choices or ()) == tuple(FORMATS)
    for row in FORMATS.values():
        assert set(row.options) <= set(options)
