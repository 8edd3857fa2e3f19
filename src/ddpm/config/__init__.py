"""One run's configuration, read from and written to JSON. Standard library only."""

from ddpm.config.checks import check
from ddpm.config.families import heard_sampling
from ddpm.config.reading import differences, get, load_config, with_overrides
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
from ddpm.config.values import unknown

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
    "differences",
    "get",
    "heard_sampling",
    "load_config",
    "unknown",
    "with_overrides",
]
