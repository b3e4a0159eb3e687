"""`explore.json`: everything that was found, with full digits, for programs.

Rules of this file: pure; a value that does not exist is null, never NaN (which is no JSON).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

import numpy as np
import pandas as pd

from offline.exploration.engagement import ENGAGEMENT_SCORE, definition
from offline.exploration.exploration import Exploration
from offline.exploration.findings import Finding

SCHEMA_VERSION: Final = 1
PAIRS_MAX: Final = 500
TABLES_MAX: Final = 100
HEAD_ROWS: Final = 5


def exploration_document(
    found: Exploration, told: Sequence[Finding], figures: Sequence[str]
) -> dict[str, Any]:
    """Return the document of an exploration."""
    reading = found.table.reading
    document = {
        "schema_version": SCHEMA_VERSION,
        "file": reading.file,
        "mapping": reading.mapping_name,
        "rows": reading.rows_count,
        "columns": [column.source for column in reading.columns],
        "left_out": reading.left_out,
        "reading": [_column(column) for column in reading.columns],
        "missing_cells": found.missing.cells_count,
        "missing": asdict(found.missing),
        "treatment": found.notes,
        "outliers": [asdict(column) for column in found.outliers],
        **_summary(found),
        "distributions": {item.name: _distribution(item) for item in found.distributions},
        "correlation": {"pearson": found.correlations.pearson, "spearman": found.correlations.spearman},
        "correlation_left_out": {
            "constant": found.correlations.constant,
            "beyond_limit": found.correlations.beyond_limit,
        },
        "pairs": [asdict(pair) for pair in found.pairs[:PAIRS_MAX]],
        "numbers_by_category": [
            {
                "number": item.number,
                "category": item.category,
                "correlation_ratio": item.correlation_ratio,
                "groups": item.groups,
            }
            for item in found.by_category[:TABLES_MAX]
        ],
        "crosstabs": [
            {"rows": item.rows, "columns": item.columns, "cramers_v": item.cramers_v, "counts": item.counts}
            for item in found.crosstabs[:TABLES_MAX]
        ],
        "engagement": _engagement(found),
        "credit_category": _credit(found),
        "findings": [asdict(finding) for finding in told],
        "figures": list(figures),
    }
    plain: dict[str, Any] = _plain(document)
    return plain


def _column(column: Any) -> dict[str, Any]:
    return {
        "source": column.source,
        "name": column.name,
        "role": column.role,
        "type": column.type,
        "unit": column.unit,
        "text": column.mapping.text,
        "is_role_inferred": column.is_role_inferred,
        "is_type_inferred": column.is_type_inferred,
        "missing": column.missing_count,
        "markers": column.markers,
        "padded": column.padded_count,
        "renamed": column.renamed,
        "odd_values": column.odd_values,
        "outside_range": column.outside_count,
    }


def _summary(found: Exploration) -> dict[str, Any]:
    numbers = found.summary.numbers
    described = numbers.drop(columns="skew")
    return {
        "describe": {name: dict(row) for name, row in described.iterrows()},
        "skew": dict(numbers["skew"]),
        "categories": {item.name: asdict(item) for item in found.summary.categories},
        "dates": found.summary.dates,
        "constant": found.summary.constant,
        "repeated_keys": {key.name: asdict(key) for key in found.summary.repeated_keys},
        "duplicate_rows_without_ids": found.summary.repeated_rows_count,
    }


def _distribution(item: Any) -> dict[str, Any]:
    box = asdict(item.box_plot)
    del box["outside"]
    bars = item.histogram
    return {"edges": bars.edges, "counts": bars.counts, "beyond_count": bars.beyond_count, "box_plot": box}


def _engagement(found: Exploration) -> dict[str, Any] | None:
    if not found.weights:
        return None
    score = found.frame[ENGAGEMENT_SCORE]
    return {
        "name": ENGAGEMENT_SCORE,
        "definition": definition(found.weights),
        "weights": found.weights,
        "head": score.head(HEAD_ROWS).tolist(),
        "describe": dict(score.describe()),
        "missing": int(score.isna().sum()),
    }


def _credit(found: Exploration) -> dict[str, Any] | None:
    if found.credit is None or found.credit_table is None:
        return None
    return {
        "column": found.credit.cut.column,
        "edges": found.credit.cut.edges,
        "labels": found.credit.cut.labels,
        "reason": found.credit.reason,
        "counts": dict(found.credit_table["customers"]),
        "table": found.credit_table,
    }


def _plain(value: Any) -> Any:
    """Return the value as what JSON knows: containers, texts, numbers, null."""
    if isinstance(value, pd.DataFrame):
        return {str(name): _plain(dict(row)) for name, row in value.iterrows()}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return [_plain(item) for item in value.tolist()]
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return _plain_scalar(value)


def _plain_scalar(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)
