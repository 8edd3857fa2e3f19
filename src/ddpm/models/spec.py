"""What a weights file must say of itself so that nothing has to be typed again. Standard library only."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import Any

from ddpm.config import Config
from ddpm.errors import RequestError


@dataclass(frozen=True)
class ModelSpec:
    """A configuration and the facts of the data it was resolved against."""

    config: Config
    image_shape: tuple[int, int, int]  # C, H, W
    data_mean: tuple[float, ...]  # per channel, in [-1, 1]
    data_std: float  # sigma_data: of all pixels about the channel means, in [-1, 1] units
    class_names: tuple[str, ...] = ()  # () for no labels
    class_counts: tuple[int, ...] = ()  # training images of each class

    @property
    def num_classes(self) -> int:
        """Classes the model was trained on; 0 where it learns no labels."""
        return len(self.class_names) if self.config.data.labels else 0

    def with_config(self, config: Config) -> ModelSpec:
        """The same data facts under another configuration."""
        return replace(self, config=config)

    def to_json(self) -> str:
        """One line of JSON, stored in the header of every weights file."""
        return json.dumps({**asdict(self), "config": self.config.to_dict()})

    @classmethod
    def from_json(cls, text: str) -> ModelSpec:
        """The spec that `to_json` wrote; RequestError where it is damaged."""
        try:
            values: dict[str, Any] = json.loads(text)
            config = Config.from_dict(values.pop("config"))
            facts: dict[str, Any] = {
                k: tuple(v) if isinstance(v, list) else v for k, v in values.items()
            }
            return cls(config=config, **facts)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            if isinstance(error, RequestError):
                raise
            raise RequestError(
                f"The weights file's description of itself is damaged ({error})."
            ) from error
