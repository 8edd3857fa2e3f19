"""`ddpm report`: a PDF or Markdown report written from run files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ddpm.lazy import lazy_getattr

if TYPE_CHECKING:
    from ddpm.commands.report.report import NOTES as NOTES
    from ddpm.commands.report.report import ReportRequest as ReportRequest
    from ddpm.commands.report.report import write_report as write_report
    from ddpm.commands.report.reproduce import train_command as train_command
    from ddpm.commands.report.words.languages import LANGUAGES as LANGUAGES

__getattr__ = lazy_getattr(
    __name__,
    {
        "LANGUAGES": "ddpm.commands.report.words.languages",
        "NOTES": "ddpm.commands.report.report",
        "ReportRequest": "ddpm.commands.report.report",
        "train_command": "ddpm.commands.report.reproduce",
        "write_report": "ddpm.commands.report.report",
    },
)
