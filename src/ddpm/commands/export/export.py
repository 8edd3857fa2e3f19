"""Models in files for other programs."""

from __future__ import annotations

from pathlib import Path

import torch

from ddpm.commands.export.export_request import ExportRequest
from ddpm.commands.export.formats import FORMATS
from ddpm.commands.options import verb_options
from ddpm.commands.verb_function import takes_fields
from ddpm.errors import RequestError
from ddpm.files import check_writable
from ddpm.loading.checkpoints import newest_checkpoint
from ddpm.loading.models import open_model
from ddpm.runs import find_run

_ALWAYS = ("target", "to", "out", "raw")  # options that apply to every format


@takes_fields(ExportRequest)
def export(request: ExportRequest) -> Path:
    """Write a model in the format `to`; return the path of its first file.

    `torch` writes a state dict for `torch.load(weights_only=True)`. `safetensors` writes a file that also
    holds the configuration, for `ddpm sample FILE` and `--init FILE`. `onnx` writes the denoiser, and a JSON
    file of everything else that sampling needs. RequestError if there is no such target, if it has no
    raw weights, if the suffix is another format's, or if an option does not apply to the format.

    >>> path = ddpm.export("digits", to="safetensors")
    >>> ddpm.open_model(str(path)).model.spec.image_shape
    (1, 8, 8)
    """
    return write_export(request)[0]


def write_export(request: ExportRequest) -> list[Path]:
    """Write the files of `request` and return their paths; see `export`."""
    row = FORMATS.get(request.to)
    if row is None:
        raise RequestError(
            f"There is no format {request.to!r}; the formats are {', '.join(FORMATS)}."
        )
    _check_options(request, row.options)
    if request.half and request.eight_bit:
        raise RequestError("--half and --eight-bit exclude each other; pass one of them.")
    if request.out is not None:
        _check_suffix(request.out, request.to)
        check_writable(request.out / "README.md" if row.suffix[0] == "-" else request.out)
    if Path(request.target).suffix == ".onnx":
        raise RequestError(
            f"{request.target} is an export already. Pass the run that it was written from."
        )
    opened = open_model(request.target, "cpu")
    if request.raw:
        opened.model.load_state({"ema": _raw_weights(request.target)})
    return row.write(opened, request, request.out or Path(opened.name + row.suffix))


def _check_options(request: ExportRequest, used: tuple[str, ...]) -> None:
    """Raise RequestError for an option that has no effect on the format."""
    for option in verb_options("export"):
        default = getattr(ExportRequest, option.name, None)
        if option.name in (*_ALWAYS, *used) or getattr(request, option.name) == default:
            continue
        formats = [name for name, row in FORMATS.items() if option.name in row.options]
        raise RequestError(
            f"{option.flag} has no effect on --to {request.to}; it applies to {', '.join(formats)}."
        )


def _check_suffix(out: Path, to: str) -> None:
    """Raise RequestError if the suffix belongs to another format."""
    for kind, row in FORMATS.items():
        if row.suffix and out.suffix == row.suffix and kind != to:
            raise RequestError(
                f"{out.name} has the suffix of another format; add --to {kind}, or use the suffix "
                f"{FORMATS[to].suffix}."
            )


def _raw_weights(target: str) -> dict[str, torch.Tensor]:
    """Return the raw weights of a run's newest checkpoint. RequestError if there are none."""
    run = find_run(target)
    found = None if run is None else newest_checkpoint(run)
    if found is None:
        raise RequestError(f"{target} has only averaged weights; only runs keep raw weights.")
    return found.state["weights"]
