"""Weights of a run in files for other programs."""

from __future__ import annotations

from pathlib import Path

import torch

from ddpm.errors import RequestError
from ddpm.files import atomic_file, check_writable
from ddpm.loading.checkpoints import newest_checkpoint
from ddpm.loading.models import open_model
from ddpm.models.autoguidance import exported_config
from ddpm.runs import find_run
from ddpm.terminal import print_line
from ddpm.training.checkpoint import save_weights

SUFFIXES = {"torch": ".pt", "safetensors": ".safetensors"}


def export(
    target: str,
    to: str = "torch",
    out: Path | None = None,
    *,
    raw: bool = False,
    half: bool = False,
) -> Path:
    """Write the averaged (or `raw`) weights of a run or of bundled weights; return the path.

    `to="torch"` writes a state dict for `torch.load(weights_only=True)`. `to="safetensors"` writes a file
    that also holds the configuration, for `ddpm sample FILE` and `--init FILE`. `half`: in half precision.
    RequestError if there is no such target, if it has no raw weights, or if the suffix is the other format's.

    >>> path = ddpm.export("digits", to="safetensors")
    >>> ddpm.open_model(str(path)).model.spec.image_shape
    (1, 8, 8)
    """
    if out is not None:
        _check_suffix(out, to)
        check_writable(out)
    opened = open_model(target, "cpu")
    tensors = opened.model.averaged_weights()
    if raw:
        tensors = _raw_weights(target)
    if half:
        tensors = {name: t.half() if t.is_floating_point() else t for name, t in tensors.items()}
    path = out or Path(opened.name + SUFFIXES[to])
    with atomic_file(path) as temporary:
        if to == "safetensors":
            spec = opened.model.spec
            config = exported_config(spec.config)
            if config.sampling != spec.config.sampling:
                print_line(
                    f"The file leaves out the guide {spec.config.sampling.guide}, so sampling from the "
                    "file uses no guide."
                )
            save_weights(temporary, tensors, spec.with_config(config))
        else:
            plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
            torch.save(plain, temporary)
    return path


def _check_suffix(out: Path, to: str) -> None:
    """Raise RequestError if the suffix belongs to the other format."""
    for kind, suffix in SUFFIXES.items():
        if out.suffix == suffix and kind != to:
            raise RequestError(
                f"{out.name} has the suffix of another format; add --to {kind}, or use the suffix "
                f"{SUFFIXES[to]}."
            )


def _raw_weights(target: str) -> dict[str, torch.Tensor]:
    """Return the raw weights of a run's newest checkpoint. RequestError if there are none."""
    run = find_run(target)
    found = None if run is None else newest_checkpoint(run)
    if found is None:
        raise RequestError(f"{target} has only averaged weights; only runs keep raw weights.")
    return found.state["weights"]
