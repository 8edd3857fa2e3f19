"""Which size of a preset is trained: the run's own, the one asked for, or the one that suits the device."""

from __future__ import annotations

from ddpm.config import Config, ScaleName, load_config
from ddpm.device import device_scale, pick_device
from ddpm.errors import RequestError
from ddpm.presets import get_preset
from ddpm.runs import RunFolder
from ddpm.workflows.progress import say

WORDS = {"cpu": "a CPU", "small-gpu": "a small GPU", "big-gpu": "a big GPU"}


def scaled(
    name: str, asked: ScaleName | None, device: str = "auto", run: RunFolder | None = None
) -> Config:
    """The preset `name` at the scale `asked` for, else at that of `run` once begun, else the device's.

    Which one it is gets said in a line. RequestError where a scale is asked of a preset that has but one.
    """
    preset = get_preset(name)
    if not preset.scales:
        if asked is not None:
            raise RequestError(f"{name} has one size for every device; leave --scale out.")
        return preset.config
    begun = run is not None and run.exists()
    scale, why = asked, "as asked for"
    if scale is None and run is not None and begun:
        scale, why = load_config(run.config).scale, f"as {run.root} was begun"
    elif scale is None:
        where = pick_device(device)
        scale, why = device_scale(where), f"chosen for {where}; --scale takes another"
    say(f"{name} in the size for {WORDS[scale]} ({why})")
    return preset.at(scale)
