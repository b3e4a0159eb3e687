"""From a triggering event to a decision: features, scores, policy, and the records of it.

Rules of this file: everything about many customers is columns; Python walks only over decisions that
were made, to build their documents. A decision sees the record just after its triggering event, and
nothing later.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from consumer.features.catalogue import FeatureCatalogue
from consumer.features.contacts import note_contact, note_decision
from consumer.features.event_columns import Int64s
from consumer.features.model_input import model_inputs_milli
from consumer.features.values import feature_values
from consumer.learning.labels import KEEP_CLOSED_MS
from consumer.learning.open_decisions import Rows, empty_rows
from consumer.pipeline.decision_documents import DecisionDocuments
from consumer.pipeline.facts import facts_of
from consumer.pipeline.working_set import WorkingSet
from consumer.policy.decide import Choices, decide
from consumer.policy.triggers import opens_decision
from consumer.scoring.compiled import CompiledModels
