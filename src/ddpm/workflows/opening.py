"""From what a user names to a model ready to draw: a run folder, a weights file, or bundled weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path

import torch

from ddpm.config import Config, load_config, unknown
from ddpm.data.catalogue import (
    DATASETS,
    at_hand,
    cache_dir,
    data_dir,
    is_downloaded,
    is_path,
    locate,
)
from ddpm.data.dataset import Dataset, prepare
from ddpm.device import keep_memory, pick_device
from ddpm.errors import RequestError
from ddpm.models.base import GenerativeModel, State
from ddpm.models.families import check_weights, make_model
from ddpm.models.spec import ModelSpec
from ddpm.processes import check_same, each_machine_once
from ddpm.runs import RunFolder, list_runs
from ddpm.training.checkpoint import Checkpoint, check_finite, load, load_weights
from ddpm.training.faults import NotFiniteError
from ddpm.workflows.applied import kept_average
from ddpm.workflows.guiding import give_guides
from ddpm.workflows.progress import Progress, say

RUNS = Path("runs")
BUNDLED = "bundled:"  # before a name: the weights in the package, whatever lies in runs/


@dataclass(frozen=True)
class Opened:
    """A model, what it was opened from in words, and where it has one its run folder and step."""

    model: GenerativeModel
    name: str
    origin: str
    run: RunFolder | None
    step: int | None = None
    average: float | None = None  # σ_rel, where `ddpm ema` chose what is drawn with


def bundled_names() -> list[str]:
    """Names of the weights inside the package."""
    folder = resources.files("ddpm") / "weights"
    files = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
    return sorted(
        name.removesuffix(".safetensors") for name in files if name.endswith(".safetensors")
    )


def bundled_name(target: str) -> str | None:
    """The weights in the package that `NAME` or `bundled:NAME` means; None where there are none."""
    name = target.removeprefix(BUNDLED)
    return name if name in bundled_names() else None


def find_run(target: str) -> RunFolder | None:
    """The run folder meant by a path or a name below `runs/`; None where there is none."""
    for path in (Path(target), RUNS / target):
        if RunFolder(path).exists():
            return RunFolder(path)
    return None


def open_model(target: str, device: str = "auto") -> Opened:
    """The model meant by `target`: a run, `runs/target`, a weights file, or bundled weights.

    `bundled:NAME` means the bundled weights even where there is a run of that name. RequestError where
    nothing is called so, where it is damaged, or where a run has no checkpoint yet.
    """
    run, path, where = find_run(target), Path(target), pick_device(device)
    keep_memory()
    if run is not None:
        # the run's file carries the settings it draws with, which may be newer than its weights
        sampling = load_config(run.config).sampling
        found = newest_checkpoint(run, stems=("ema",))
        if found is None:
            raise RequestError(
                f"{run.root} has no checkpoint yet; let the training go on until its first one."
            )
        spec = found.spec.with_config(replace(found.spec.config, sampling=sampling))
        model = make_model(spec, where)
        give_guides(model, run)
        step = found.progress["step"]
        average = kept_average(run, step)
        load_into(model, {"ema": average.tensors} if average else found.state, run.root)
        words = f", average of σ_rel {average.length:g}" if average else ""
        origin = f"the run {run.root}, step {step}{words}"
        return Opened(model, run.root.name, origin, run, step, average.length if average else None)
    if path.is_file() and path.suffix == ".safetensors":
        return _from_file(path, path.stem, f"the weights {path}", where)
    if (name := bundled_name(target)) is not None:
        called = target.replace(":", "-")  # names files, too
        with resources.as_file(resources.files("ddpm") / "weights" / f"{name}.safetensors") as file:
            return _from_file(file, called, f"the bundled {name} weights", where)
    for folder in filter(Path.is_dir, (path, RUNS / target)):
        raise RequestError(
            f"{folder} is no run, as it has no configuration; give a folder that ddpm train made."
        )
    if path.is_file():
        raise RequestError(
            f"{path} is no weights file of ddpm-studio; give one that ddpm export --to safetensors wrote."
        )
    runs = [run.root.name for run in list_runs(RUNS)]
    raise unknown("run, weights file or bundled model called", target, [*runs, *bundled_names()])


def _from_file(path: Path, name: str, origin: str, device: torch.device) -> Opened:
    tensors, spec = load_weights(path, check_weights)
    _refuse_not_finite({"ema": tensors}, 0, path)
    model = make_model(spec, device)
    give_guides(model, None)
    load_into(model, {"ema": {key: tensor.float() for key, tensor in tensors.items()}}, path)
    return Opened(model, name, origin, None)


def _refuse_not_finite(state: State, step: int, origin: Path) -> None:
    """RequestError where a weight is NaN or infinite, which no training of ours ever saves."""
    try:
        check_finite(state, step)
    except NotFiniteError as error:
        raise RequestError(f"{origin} cannot be used. {error}") from error


def load_into(model: GenerativeModel, state: State, origin: Path | str) -> None:
    """Give `model` the weights; RequestError where they are those of another network."""
    try:
        model.load_state(state)
    except (RuntimeError, KeyError) as error:
        raise RequestError(
            f"The weights of {origin} are those of another network; use the same model, network.*, "
            "gan.* and data settings as the run they come from."
        ) from error


def open_weights(target: str) -> State:
    """The weights alone of a run, a weights file or bundled weights (for `--init`)."""
    return {"ema": open_model(target, "cpu").model.averaged_weights()}


def newest_checkpoint(run: RunFolder, stems: tuple[str, ...] | None = None) -> Checkpoint | None:
    """The newest checkpoint that is whole; a damaged one is named and passed over. None: none yet."""
    steps = run.checkpoint_steps()
    for step in reversed(steps):
        try:
            found = load(run.checkpoint(step), stems, check_weights)
            if found.progress["step"] != step:
                raise RequestError(
                    f"The checkpoint {run.checkpoint(step)} is damaged: it says that it is of step "
                    f"{found.progress['step']}."
                )
            _refuse_not_finite(found.state, step, run.checkpoint(step))
            return found
        except RequestError as error:
            say(f"{error} Going back to the one before." if step != steps[0] else str(error))
    if steps:
        raise RequestError(f"No checkpoint of {run.root} is whole; train again with another --out.")
    return None


def open_dataset(config: Config, progress_title: str = "decoding") -> Dataset:
    """The prepared data set of a configuration, uint8 images decoded or taken from the cache.

    RequestError: no such images, none that can be used, or labels that they lack. WorkError: a download
    failed.
    """
    data = config.data
    if not data.path:
        raise RequestError(
            "Which images? Give a folder, a zip or the name of a data set with --data."
        )
    _check_data_dir(data.path)
    path = each_machine_once(lambda: located(data.path))
    with Progress(progress_title, 0) as bar:
        dataset = each_machine_once(
            lambda: prepare(
                path,
                size=str(data.size),
                channels=data.channels,
                all_images=data.all_images,
                cache_dir=cache_dir(),
                progress=bar.of_total,
            )
        )
    check_same(dataset.report["content_hash"], f"The images of {data.path}")
    if data.labels is True and not dataset.class_names:
        raise RequestError(
            f"data.labels is on, but the images of {data.path} have no labels: put each class into "
            "a folder of its own, or leave data.labels off."
        )
    return dataset


def located(name: str) -> Path:
    """The path of the images meant by `name`; a download is said, with its progress."""
    here = at_hand(name, data_dir=data_dir(), cache_dir=cache_dir()) is not None
    if here or not is_downloaded(name):
        return locate(name, data_dir=data_dir(), cache_dir=cache_dir())
    say(f"downloading {name} into {cache_dir()}")
    with Progress(f"downloading {name}", 0, unit="bytes" if name in DATASETS else "images") as bar:
        return locate(name, data_dir=data_dir(), cache_dir=cache_dir(), progress=bar.of_total)


def _check_data_dir(name: str) -> None:
    """RequestError where the images `name` are to lie in DDPM_DATA_DIR, and that is no folder."""
    folder = data_dir()
    looked_for = Path(name).name == name and name != "digits" and not is_path(name)
    if looked_for and folder is not None and not folder.is_dir():
        raise RequestError(
            f"DDPM_DATA_DIR names {folder}, but there is no such folder; mend it, or unset it."
        )


def spec_of(config: Config, dataset: Dataset) -> ModelSpec:
    """What a model has to know of its data: shape, mean, sigma_data, classes; in model range."""
    report = dataset.report
    mean, std = report["mean"], report["std"]  # per channel, in [0, 1]
    spread = (sum(s * s for s in std) / len(std)) ** 0.5
    counts: tuple[int, ...] = ()
    if dataset.labels is not None:
        trained = dataset.labels[dataset.train]
        counts = tuple(int((trained == c).sum()) for c in range(len(dataset.class_names)))
    _, channels, height, width = dataset.images.shape
    return ModelSpec(
        config=config,
        image_shape=(channels, height, width),
        data_mean=tuple(2 * m - 1 for m in mean),
        data_std=2 * spread,
        class_names=dataset.class_names,
        class_counts=counts,
    )
