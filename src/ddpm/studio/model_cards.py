"""Models that the page can draw with: runs with a checkpoint, and the bundled weights."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ddpm.config import load_config, with_early_state
from ddpm.errors import RequestError
from ddpm.loading.bundled import BUNDLED, bundled_file, bundled_names
from ddpm.models.spec import ModelSpec, read_spec
from ddpm.runs import RunFolder
from ddpm.studio.refusals import not_found
from ddpm.studio.run_index import RunIndex, shown_name

RUN = "run:"  # prefix of the ids of runs; those of bundled weights begin with BUNDLED


@dataclass(frozen=True)
class ModelCard:
    """A model: where it is, and what its weights file says of itself."""

    id: str
    name: str
    target: str  # as commands name it
    spec: ModelSpec  # with the run's present sampling settings
    step: int | None = None  # of a run's newest checkpoint
    guides_itself: bool = False  # by an early state of its run

    def row(self) -> dict[str, Any]:
        """Return plain values for the page."""
        spec, config = self.spec, self.spec.config
        channels, height, width = spec.image_shape
        return {
            "id": self.id,
            "name": self.name,
            "source": self.id.partition(":")[0],
            "step": self.step,
            "family": config.model,
            "objective": config.diffusion.objective if config.has_reverse_process else None,
            "num_steps": config.diffusion.num_steps,
            "height": height,
            "width": width,
            "channels": channels,
            "classes": list(spec.class_names) if spec.num_classes else None,
            "sampling": asdict(config.sampling),
            "used_sampling": list(config.used_sampling),
            "has_reverse_process": config.has_reverse_process,
            "can_guide": spec.num_classes > 0
            or config.sampling.guide != ""
            or (config.has_reverse_process and self.guides_itself),
        }


class ModelCards:
    """Cards of all models. Headers of weights files are read again only after they have changed."""

    def __init__(self, runs: RunIndex) -> None:
        self._runs = runs
        self._specs: dict[Path, tuple[int, ModelSpec]] = {}

    def all(self) -> list[ModelCard]:
        """Return the card of every model: runs first, then the bundled weights."""
        found = [self._of_run(id, run) for id, run in self._runs.runs().items()]
        return [*(card for card in found if card), *map(self._of_bundled, bundled_names())]

    def get(self, id: str) -> ModelCard:
        """Return the card of the model `id`. RefusalError (404) if there is none."""
        card = self.find(id)
        if card is None:
            raise not_found("such model")
        return card

    def find(self, id: str) -> ModelCard | None:
        """Return the card of the model `id`; None if there is none. RefusalError (404): no such run."""
        if id.startswith(RUN):
            return self._of_run(id.removeprefix(RUN), self._runs.get(id.removeprefix(RUN)))
        if id.startswith(BUNDLED) and id.removeprefix(BUNDLED) in bundled_names():
            return self._of_bundled(id.removeprefix(BUNDLED))
        return None

    def _of_run(self, id: str, run: RunFolder) -> ModelCard | None:
        """Return the card of a run; None if it has no checkpoint that can be read."""
        for step in reversed(run.checkpoint_steps()):
            try:
                spec = self._spec(run.checkpoint(step) / "ema.safetensors")
                sampling = load_config(run.config).sampling  # may be newer than the checkpoint
            except RequestError:
                continue
            early = run.early_state()
            sampling = with_early_state(sampling, early)
            spec = spec.with_config(replace(spec.config, sampling=sampling))
            return ModelCard(RUN + id, shown_name(run), str(run.root), spec, step, early != "")
        return None

    def _of_bundled(self, name: str) -> ModelCard:
        with bundled_file(name) as path:
            spec = self._spec(path)
        return ModelCard(BUNDLED + name, name, BUNDLED + name, spec)

    def _spec(self, path: Path) -> ModelSpec:
        try:
            stamp = os.stat(path).st_mtime_ns
        except OSError as error:
            raise RequestError(f"{path} cannot be read.") from error
        if self._specs.get(path, (None,))[0] != stamp:
            self._specs[path] = (stamp, read_spec(path))
        return self._specs[path][1]
