"""The request of a sampler lab is what its command line says."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from ddpm.cli import main
from ddpm.commands.options import command_line
from ddpm.commands.sampler_lab import lab, lab_table
from ddpm.commands.sampler_lab.lab_request import DEFAULT_BUDGETS, LabRequest


def test_the_command_line_is_the_library_call(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = LabRequest(
        "mine", ("ddim", "unipc"), (4, 8), True, "digits", 50, "kid", "self", None, 3, Path("out"),
        True, None, ("sampling.guidance=1.0",), "auto",
    )  # fmt: skip
    heard: list[LabRequest] = []
    monkeypatch.setattr(lab, "sampler_lab", lambda request: heard.append(request) or {})
    monkeypatch.setattr(lab_table, "lab_table", lambda lab: "")
    assert main(shlex.split(command_line("sampler-lab", asked))[1:]) == 0
    assert main(["sampler-lab", "mine"]) == 0
    assert heard == [asked, LabRequest("mine")]
    assert LabRequest("mine").evaluations == DEFAULT_BUDGETS
