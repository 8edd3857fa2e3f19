"""Resume checks: whether the arguments of `ddpm train` fit the run in the folder."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

from ddpm.config import Config, differing_keys, load_config
from ddpm.config.families import SECTION_OWNERS
from ddpm.data.catalogue import cache_dir, data_dir, find_offline, is_dataset_name
from ddpm.data.dataset import Dataset
from ddpm.errors import RequestError
from ddpm.files import is_temporary
from ddpm.models.autoguidance import check_no_guide
from ddpm.presets import NO_WEIGHTS
from ddpm.runs import RunFolder
from ddpm.training.budget import TOTAL_KEYS, with_requested_total


def new_config(run: RunFolder, requested: Config) -> Config:
    """Return the configuration of a new run. RequestError if the folder holds other files."""
    folder, traces = run.root, _traces_of_start(run)
    if folder.exists() and (  # `exists` comes first: another rank may create the folder at any time
        not folder.is_dir()
        or any(path not in traces and not is_temporary(path) for path in folder.iterdir())
    ):
        raise RequestError(f"{folder} holds other files; choose a new folder with --out.")
    check_no_guide(requested)
    return requested


def _traces_of_start(run: RunFolder) -> tuple[Path, ...]:
    """Return the files that a start leaves if it is killed before config.json is written."""
    is_record = {"torch", "seed", "parameters"} <= run.load_environment().keys()
    return (run.lock, run.environment) if is_record else (run.lock,)


def resumed_config(run: RunFolder, requested: Config) -> Config:
    """Return the run's own configuration with the requested total.

    If the images are no longer at their path, `requested` may name another path (`check_same_data` compares
    the images). RequestError if any other setting differs.
    """
    own = load_config(run.config)
    path = own.data.path
    moved = find_offline(path, data_dir=data_dir(), cache_dir=cache_dir()) is None
    changed = [
        key
        for key in differing_keys(own, requested)
        if key not in (*TOTAL_KEYS, "preset")
        and not key.startswith("sampling.")
        and not (moved and key == "data.path")
        and not (
            key == "data.range" and requested.data.range == "auto" and own.data.range != "full"
        )
    ]
    if changed:
        raise RequestError(
            f"{run.root} was started with other settings ({', '.join(changed)}). Choose another --out, or "
            f"resume it with its own settings: ddpm train {shlex.quote(str(run.root))}"
            f"{_init_advice(run, changed)}"
        )
    if moved and requested.data.path == path and path and not is_dataset_name(path):
        raise RequestError(
            f"The images of {run.root} are no longer at {path}. Pass their new path with --data."
        )
    config = replace(own, data=replace(own.data, path=requested.data.path))
    return with_requested_total(config, requested)


def _init_advice(run: RunFolder, changed: list[str]) -> str:
    """Return how to train the run's weights with other settings of training, if only those differ."""
    if not all(key.startswith("training.") for key in changed):
        return ""
    return f", or train its weights with the new settings: --init {shlex.quote(str(run.root))} --out NEW"


def initial_weights(run: RunFolder, config: Config, init: str | None) -> str | None:
    """Return the name of the weights that training starts from: `init`, or else the recorded name.

    None for random weights, which `init` names "none". RequestError if the run has a checkpoint and started
    from other weights. A student starts from its teacher, which `find_teacher` compares.
    """
    recorded = run.load_environment().get("init") if run.exists() else None
    is_resumed = not config.family.has_teacher and run.checkpoint_steps()
    if is_resumed and init not in (None, recorded or NO_WEIGHTS):
        how = f"with --init {shlex.quote(recorded)}" if recorded else "without --init"
        raise RequestError(
            f"{run.root} was started {how}, and --init applies only at the start. Leave --init out to "
            "resume the run, or choose another --out."
        )
    return None if init == NO_WEIGHTS else init or recorded


def check_same_data(run: RunFolder, dataset: Dataset) -> None:
    """Raise RequestError if the run was started with other images."""
    if not run.exists():  # killed before config.json was written
        return
    recorded = run.load_environment().get("data", {}).get("content_hash")
    learns_labels = bool(load_config(run.config).data.labels)
    if not dataset.has_content(recorded, with_labels=learns_labels):
        raise RequestError(
            f"The images have changed since {run.root} was started, or their labels. Restore them, or train "
            f"on from its weights: --init {shlex.quote(str(run.root))} --out NEW"
        )


def check_same_model(run: RunFolder, saved: Config, config: Config) -> None:
    """Raise RequestError if the configuration does not describe the model of the checkpoint."""
    parts = ("model", *(f"{section}." for section in SECTION_OWNERS), "training.optimizer")
    changed = [key for key in differing_keys(saved, config) if key.startswith(parts)]
    if changed:
        raise RequestError(
            f"{run.config} does not fit the checkpoints of this run ({', '.join(changed)}). Restore the old "
            "values, or choose another --out."
        )
