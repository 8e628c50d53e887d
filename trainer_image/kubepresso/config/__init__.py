"""The six modules as typed models: loading with line numbers, overrides, JSON Schema. Imports no torch."""

from kubepresso.config.augmentation import AugmentationConfig
from kubepresso.config.config import MODULES, Config, View
from kubepresso.config.data import DataConfig
from kubepresso.config.document import dump
from kubepresso.config.environment import EnvironmentConfig
from kubepresso.config.loading import digest, load_config, parse_view
from kubepresso.config.logging import LoggingConfig
from kubepresso.config.model import ModelConfig
from kubepresso.config.places import with_absolute_places
from kubepresso.config.problems import ConfigError
from kubepresso.config.training import TrainingConfig

__all__ = [
    "MODULES",
    "AugmentationConfig",
    "Config",
    "ConfigError",
    "DataConfig",
    "EnvironmentConfig",
    "LoggingConfig",
    "ModelConfig",
    "TrainingConfig",
    "View",
    "digest",
    "dump",
    "load_config",
    "parse_view",
    "with_absolute_places",
]
