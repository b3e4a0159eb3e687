"""A policy file and the features of its products, checked against each other.

The policy stage does not know the features, the feature stage does not know the rules; here a rule that
names a feature which its own products do not give is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from consumer.features.catalogue import FeatureCatalogue, catalogue_for
from consumer.policy.document import Policy, load_policy


@dataclass(frozen=True, slots=True)
class CheckedPolicy:
    """A policy whose rules name only features that exist."""

    policy: Policy
    features: FeatureCatalogue


def checked_policy(path: str | Path) -> CheckedPolicy:
    """Return the policy of a file, its rules checked against the features that its products give.

    Raises
    ------
    ConfigurationError : one sentence with file, line and field
    """
    features = catalogue_for(load_policy(path).catalogue.product_ids)
    return CheckedPolicy(load_policy(path, features.names), features)
