"""The request of `ddpm export`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ExportRequest:
    """A model to export, and the format."""

    target: str  # a run folder, its name, weights, or bundled weights
    to: str = "torch"  # a name of `formats.FORMATS`
    out: Path | None = None  # None: the model's name and the format's suffix, in the current folder
    raw: bool = False  # the raw weights instead of their average
    half: bool = False  # weights stored in half precision
    eight_bit: bool = False  # safetensors: weights stored in eight bits
    guidance: str = "out"  # onnx: `in` puts classifier-free guidance into the graph
    push: str | None = None  # diffusers: OWNER/NAME at the Hugging Face Hub
    beside: str | None = None  # page: a second model
    runtime: Path | None = (
        None  # page: folder with the files of onnxruntime-web; None: fetched once
    )
