"""The table of the formats that `ddpm export` writes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ddpm.commands.export.diffusers_folder import write_diffusers
from ddpm.commands.export.export_request import ExportRequest
from ddpm.commands.export.onnx_file import write_onnx
from ddpm.commands.export.page_file import write_page
from ddpm.commands.export.weights_file import write_safetensors, write_state_dict
from ddpm.loading.models import OpenedModel

Write = Callable[[OpenedModel, ExportRequest, Path], list[Path]]


class Format(NamedTuple):
    """A format: how it is written, the suffix of its file, and the options that apply to it."""

    write: Write
    suffix: str
    options: tuple[str, ...] = ()  # fields of the request


FORMATS: dict[str, Format] = {
    "torch": Format(write_state_dict, ".pt", ("half",)),
    "safetensors": Format(write_safetensors, ".safetensors", ("half", "eight_bit")),
    "onnx": Format(write_onnx, ".onnx", ("half", "guidance")),
    "diffusers": Format(write_diffusers, "-diffusers", ("half", "push")),
    "page": Format(write_page, ".html", ("beside", "runtime")),
}
