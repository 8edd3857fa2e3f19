"""Configuration of a run: sections, checks, JSON. Standard library only."""

from ddpm.config.checks import check
from ddpm.config.families import FAMILIES, Family, family_of
from ddpm.config.reading import (
    config_from_dict,
    differing_keys,
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
    NetworkName,
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
from ddpm.config.values import unknown_name_error

__all__ = [
    "FAMILIES",
    "FORMAT_VERSION",
    "Config",
    "DataConfig",
    "DiffusionConfig",
    "Family",
    "GanConfig",
    "NetworkConfig",
    "NetworkName",
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
    "differing_keys",
    "family_of",
    "get_value",
    "load_config",
    "unknown_name_error",
    "with_overrides",
]
