"""One run's configuration, read from and written to JSON. Standard library only."""

from ddpm.config.checks import check
from ddpm.config.families import used_sampling
from ddpm.config.reading import (
    config_from_dict,
    differences,
    get_value,
    load_config,
    with_overrides,
)
from ddpm.config.sections import (
    FORMAT_VERSION,
    Config,
    DataConfig,
    DiffusionConfig,
    GanConfig,
    NetworkConfig,
    ObjectiveName,
    SamplerName,
    SamplingConfig,
    ScaleName,
    ScheduleName,
    SpacingName,
    StudentConfig,
    TimeSamplingName,
    TrainingConfig,
    WeightingName,
)
from ddpm.config.values import unknown_name

__all__ = [
    "FORMAT_VERSION",
    "Config",
    "DataConfig",
    "DiffusionConfig",
    "GanConfig",
    "NetworkConfig",
    "ObjectiveName",
    "SamplerName",
    "SamplingConfig",
    "ScaleName",
    "ScheduleName",
    "SpacingName",
    "StudentConfig",
    "TimeSamplingName",
    "TrainingConfig",
    "WeightingName",
    "check",
    "config_from_dict",
    "differences",
    "get_value",
    "load_config",
    "unknown_name",
    "used_sampling",
    "with_overrides",
]
