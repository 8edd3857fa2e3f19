"""The description of a model in the header of its weights file. Standard library only."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from ddpm.config import Config, config_from_dict
from ddpm.errors import RequestError
from ddpm.files import parse_json

SPEC_KEY = "ddpm"  # of the metadata in a weights file's header
_MAX_HEADER = 100_000_000  # bytes, the limit of safetensors
_MAX_CHANNELS, _MAX_SIDE = 16, 4096  # of an image; far beyond what data.size allows
_MAX_STATISTIC = 2.0  # limit for the mean and deviation of pixels in [-1, 1]


@dataclass(frozen=True)
class ModelSpec:
    """A configuration and the properties of the data that it was resolved for."""

    config: Config
    image_shape: tuple[int, int, int]  # C, H, W
    data_mean: tuple[float, ...]  # per channel, in [-1, 1]
    data_std: float  # sigma_data: of all pixels about the channel means, in [-1, 1] units
    class_names: tuple[str, ...] = ()  # () for no labels
    class_counts: tuple[int, ...] = ()  # training images of each class

    def _is_valid(self) -> bool:
        """Return whether the values are possible for images; TypeError for values of the wrong type."""
        names, counts = self.class_names, self.class_counts
        series = (self.image_shape, self.data_mean, names, counts)
        channels, *sides = self.image_shape
        return (
            all(isinstance(values, tuple) for values in series)
            and all(type(number) is int for number in (channels, *sides, *counts))
            and 1 <= channels <= _MAX_CHANNELS
            and len(sides) == 2
            and all(1 <= side <= _MAX_SIDE for side in sides)
            and len(self.data_mean) == channels
            and all(abs(mean) <= _MAX_STATISTIC for mean in self.data_mean)
            and 0 <= self.data_std <= _MAX_STATISTIC
            and all(isinstance(name, str) for name in names)
            and len(counts) in (0, len(names))
            and all(count >= 0 for count in counts)
        )

    @property
    def num_classes(self) -> int:
        """Number of classes the model was trained on; 0 without labels."""
        learns = self.config.data.labels and self.config.family.learns_labels
        return len(self.class_names) if learns else 0

    def with_config(self, config: Config) -> ModelSpec:
        """Return this spec with another configuration."""
        return replace(self, config=config)

    def to_json(self) -> str:
        """Return one line of JSON, stored in the header of every weights file."""
        return json.dumps({**asdict(self), "config": self.config.to_dict()})

    @classmethod
    def from_json(cls, text: str) -> ModelSpec:
        """Return the spec that `to_json` wrote; RequestError if it is damaged."""
        try:
            values: dict[str, Any] = parse_json(text)
            config = config_from_dict(values.pop("config"))
            facts: dict[str, Any] = {
                k: tuple(v) if isinstance(v, list) else v for k, v in values.items()
            }
            spec = cls(config=config, **facts)
            if not spec._is_valid():
                raise ValueError("its values are impossible for a data set")
            return spec
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            if isinstance(error, RequestError):
                raise
            raise RequestError(
                f"The header of the weights file is damaged ({error}); copy the file again."
            ) from error


def read_header(file: BinaryIO) -> dict[str, Any]:
    """Return the header of a safetensors file: 8 bytes with the length of the JSON text that follows.

    Raises ValueError if it is invalid.
    """
    length = int.from_bytes(file.read(8), "little")
    if not 0 < length <= _MAX_HEADER:
        raise ValueError("its header is invalid")
    header: dict[str, Any] = parse_json(file.read(length).decode("utf-8"))
    return header


def read_spec(path: Path) -> ModelSpec:
    """Return the specification in a weights file's header, without reading its tensors.

    RequestError if the file is not a weights file of ddpm-studio.
    """
    try:
        with path.open("rb") as file:
            return ModelSpec.from_json(read_header(file)["__metadata__"][SPEC_KEY])
    except RequestError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RequestError(f"{path} does not hold weights of a ddpm-studio model.") from error


def check_spec(spec: object) -> None:
    """Raise RequestError unless `spec` is a ModelSpec."""
    if not isinstance(spec, ModelSpec):
        raise RequestError(
            f"A model is made from a ModelSpec, not {type(spec).__name__}; use ddpm.build_model(config, "
            "images) or ddpm.open_model(target)."
        )
