"""Whether a command fits the run folder it names: one begun before, or a new one."""

from __future__ import annotations

import shlex
from dataclasses import replace

from ddpm.config import Config, differing_keys, load_config
from ddpm.data.catalogue import cache_dir, data_dir, find_offline, is_dataset_name
from ddpm.data.dataset import Dataset
from ddpm.errors import RequestError
from ddpm.files import is_temporary
from ddpm.models.autoguidance import check_no_guide
from ddpm.runs import RunFolder
from ddpm.training.budget import TOTALS, with_requested_total


def new_config(run: RunFolder, asked: Config) -> Config:
    """The configuration of a new run; RequestError where its folder holds anything of somebody else's."""
    folder = run.root
    if folder.exists() and (  # asked first: another process of this command may make it meanwhile
        not folder.is_dir()
        or any(path != run.lock and not is_temporary(path) for path in folder.iterdir())
    ):
        raise RequestError(f"{folder} holds other files; choose a new folder with --out.")
    check_no_guide(asked)
    return asked


def resumed_config(run: RunFolder, asked: Config) -> Config:
    """The run's own configuration with the totals asked for; RequestError where anything else differs.

    Images that are gone from their place may be named at another one; `check_same_data` looks at them.
    """
    own = load_config(run.config)
    place = own.data.path
    gone = find_offline(place, data_dir=data_dir(), cache_dir=cache_dir()) is None
    changed = [key for key in differing_keys(own, asked) if key not in TOTALS and key != "preset"]
    changed = [key for key in changed if not key.startswith("sampling.")]
    changed = [key for key in changed if not (gone and key == "data.path")]
    if changed:
        raise RequestError(
            f"{run.root} was begun with other settings ({', '.join(changed)}); choose another --out, "
            f"or go on as it was begun, with: ddpm train {shlex.quote(str(run.root))}."
        )
    if gone and asked.data.path == place and place and not is_dataset_name(place):
        raise RequestError(
            f"The images of {run.root} are no longer at {place}; name their new place with --data."
        )
    moved = replace(own, data=replace(own.data, path=asked.data.path))
    return with_requested_total(moved, asked)


def initial_weights(run: RunFolder, config: Config, named: str | None) -> str | None:
    """The weights that training begins with, as the user calls them: those `named`, else the recorded.

    RequestError where the run is under way and began with others. (A student's are its teacher's, which
    are compared themselves.)
    """
    recorded = run.load_environment().get("init")
    under_way = not config.family.is_distilled and run.checkpoint_steps()
    if under_way and named not in (None, recorded):
        how = f"with --init {shlex.quote(recorded)}" if recorded else "without --init"
        raise RequestError(
            f"{run.root} was begun {how}, and weights are taken only at the beginning; leave --init out "
            "to go on, or choose another --out."
        )
    return named or recorded


def check_same_data(run: RunFolder, dataset: Dataset) -> None:
    """RequestError where these are not the images that the run was begun with."""
    before = run.load_environment().get("data", {}).get("content_hash")
    if before is not None and before != dataset.report["content_hash"]:
        raise RequestError(
            f"The images have changed since {run.root} was begun; choose another --out for a new run."
        )


def check_same_model(run: RunFolder, saved: Config, config: Config) -> None:
    """RequestError where the configuration is no longer that of the run's weights."""
    parts = ("model", "network.", "diffusion.", "gan.", "student.", "training.optimizer")
    changed = [key for key in differing_keys(saved, config) if key.startswith(parts)]
    if changed:
        raise RequestError(
            f"{run.config} no longer fits the weights of this run ({', '.join(changed)}); put the old "
            "values back, or choose another --out."
        )
