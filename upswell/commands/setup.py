"""What commands start from: the settings of the environment, and a checked policy with its features."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from consumer.settings import LoadedSettings, Settings, load_settings

if TYPE_CHECKING:
    from consumer.features.catalogue import FeatureCatalogue
    from consumer.policy.document import Policy


@dataclass(frozen=True, slots=True)
class CheckedPolicy:
    """A policy whose rules name only features that exist."""

    policy: Policy
    features: FeatureCatalogue


def environment_settings() -> LoadedSettings:
    """Return the settings of this process. Raises `ConfigurationError`."""
    return load_settings(os.environ)


def settings() -> Settings:
    """Return the settings of this process, without their sources."""
    return environment_settings().settings


def checked_policy(path: Path) -> CheckedPolicy:
    """Return the policy of a file, its rules checked against the features that its products give.

    Raises
    ------
    ConfigurationError : one sentence with file, line and field
    """
    from consumer.features.catalogue import catalogue_for
    from consumer.policy.document import load_policy

    features = catalogue_for(load_policy(path).catalogue.product_ids)
    return CheckedPolicy(load_policy(path, features.names), features)
