"""`ddpm export`: the weights of a run for other programs."""

from __future__ import annotations

from pathlib import Path

import torch

from ddpm.errors import RequestError
from ddpm.files import check_writable, replacing
from ddpm.loading.checkpoints import newest_checkpoint
from ddpm.loading.models import open_model
from ddpm.models.autoguidance import config_without_guide
from ddpm.runs import find_run
from ddpm.terminal import say
from ddpm.training.checkpoint import save_weights

SUFFIXES = {"torch": ".pt", "safetensors": ".safetensors"}


def export_weights(
    target: str, to: str, out: Path | None = None, *, raw: bool = False, half: bool = False
) -> Path:
    """Write the averaged (or `raw`) weights as a state dict.

    `torch`: a file that `torch.load(weights_only=True)` reads. `safetensors`: one file that says itself
    what it is, which `ddpm sample FILE` and `--init FILE` take. `half`: in half precision.
    RequestError where `out` is named as the other kind is.
    """
    if out is not None:
        _check_name(out, to)
        check_writable(out)
    opened = open_model(target, "cpu")
    tensors = opened.model.averaged_weights()
    if raw:
        tensors = _raw(target)
    if half:
        tensors = {name: t.half() if t.is_floating_point() else t for name, t in tensors.items()}
    path = out or Path(opened.name + SUFFIXES[to])
    with replacing(path) as temporary:
        if to == "safetensors":
            spec = opened.model.spec
            alone = config_without_guide(spec.config)
            if alone.sampling != spec.config.sampling:
                say(
                    f"{spec.config.sampling.guide} stays behind: the file draws without guidance away from it"
                )
            save_weights(temporary, tensors, spec.with_config(alone))
        else:
            plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
            torch.save(plain, temporary)
    return path


def _check_name(out: Path, to: str) -> None:
    """RequestError where a file would lie about its kind by its suffix."""
    for kind, suffix in SUFFIXES.items():
        if out.suffix == suffix and kind != to:
            raise RequestError(
                f"{out.name} would be a file of another kind; add --to {kind}, or let its name end in "
                f"{SUFFIXES[to]}."
            )


def _raw(target: str) -> dict[str, torch.Tensor]:
    run = find_run(target)
    found = None if run is None else newest_checkpoint(run)
    if found is None:
        raise RequestError(f"{target} has only averaged weights; raw ones are kept in runs.")
    return found.state["weights"]
