"""What commands start from: the settings of the environment."""

from __future__ import annotations

import os

from consumer.settings import LoadedSettings, Settings, load_settings


def environment_settings() -> LoadedSettings:
    """Return the settings of this process. Raises `ConfigurationError`."""
    return load_settings(os.environ)


def settings() -> Settings:
    """Return the settings of this process, without their sources."""
    return environment_settings().settings
