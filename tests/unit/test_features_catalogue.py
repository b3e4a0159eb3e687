"""The catalogue: complete, consistent, documented."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from consumer.features.catalogue import SEGMENT_INPUTS, catalogue_for
from consumer.features.document import features_document
from consumer.features.feature_table import BLOCKS
from consumer.features.layout import Layout
from consumer.features.model_input import model_inputs_milli
from consumer.features.record import empty_records
from consumer.features.values import feature_values
from consumer.vocabulary.errors import ConfigurationError

PRODUCTS = tuple(f"product_{i}" for i in range(12))
CATALOGUE = catalogue_for(PRODUCTS)


def test_names_are_unique_and_every_row_says_what_it_is_and_why() -> None:
    assert len(set(CATALOGUE.names)) == len(CATALOGUE.names) >= 60
    for feature in CATALOGUE.features:
        assert all((feature.unit, feature.source, feature.aggregation, feature.why, feature.text)), (
            feature.name
        )
        assert np.isfinite(feature.default)


def test_every_family_of_the_design_is_there() -> None:
    expected = (
        "debit_sum_30d credit_count_7d debit_mean_90d debit_max_365d cash_share debit_trend salary_last "
        "salary_regularity days_since_salary balance_last balance_mean balance_trend spend_groceries "
        "days_since_transaction frequency_90d monetary_90d channel_app interaction_call interest_product_3 "
        "complaints satisfaction engagement_score offers_made_email offers_seen_app offers_accepted_product_0 "
        "offers_refused_product_11 age_years credit_score holds_product_2 segment lifetime_value_minor "
        "churn_probability affinity_product_5"
    )
    assert not set(expected.split()) - set(CATALOGUE.names)


def test_a_customer_of_whom_nothing_is_known_has_the_defaults() -> None:
    values = feature_values(CATALOGUE, empty_records(CATALOGUE.layout, 1))
    assert values[0].tolist() == [feature.default for feature in CATALOGUE.features]


def test_each_block_computes_as_many_values_as_it_has_rows() -> None:
    one_more = catalogue_for((*PRODUCTS, "another"))
    for catalogue in (CATALOGUE, one_more):
        rows = sum(len(block.features(catalogue.product_ids)) for block in BLOCKS)
        assert feature_values(catalogue, empty_records(catalogue.layout, 2)).shape == (2, rows)


def test_inputs_are_the_features_that_models_see_and_then_the_segment() -> None:
    inputs = model_inputs_milli(
        CATALOGUE, feature_values(CATALOGUE, empty_records(CATALOGUE.layout, 3)), np.array([-1, 4, 200])
    )
    assert CATALOGUE.input_names[-10:] == SEGMENT_INPUTS
    assert inputs.shape == (3, len(CATALOGUE.input_names))
    assert inputs[:, -10:].sum(axis=1).tolist() == [0, 1000, 0]
    assert inputs[1, -6] == 1000


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("debit_sum_30d", 100_00.0, round(1000 * np.log1p(100.0))),
        ("balance_last", -100_00.0, -round(1000 * np.log1p(100.0))),
        ("complaints", 1.0, round(1000 * np.log(2.0))),
        ("age_years", 34.5128, 34_513),
    ],
)
def test_an_input_is_its_transformed_feature_in_whole_thousandths(
    name: str, value: float, expected: int
) -> None:
    values = np.zeros((1, len(CATALOGUE.names)))
    values[0, CATALOGUE.index[name]] = value
    inputs = model_inputs_milli(CATALOGUE, values, np.array([-1]))
    assert inputs[0, CATALOGUE.input_names.index(name)] == expected


def test_every_input_has_words_for_people() -> None:
    assert set(CATALOGUE.descriptions) >= {*CATALOGUE.names, *CATALOGUE.input_names}
    assert max(map(len, CATALOGUE.descriptions.values())) <= 200


def test_features_md_is_current() -> None:
    written = (Path(__file__).parents[2] / "docs/features.md").read_text(encoding="utf-8")
    assert written == features_document(), "run `python -m consumer.features.document > docs/features.md`"


def test_a_layout_survives_json_and_keeps_its_fingerprint() -> None:
    again = Layout.from_json(CATALOGUE.layout.to_json())
    assert again.fingerprint == CATALOGUE.fingerprint
    assert again.dtype == CATALOGUE.layout.dtype
    assert len(bytes.fromhex(CATALOGUE.fingerprint)) == 8


def test_the_fingerprint_changes_with_the_products_and_with_the_meaning_of_a_feature() -> None:
    other_products = catalogue_for(PRODUCTS[:-1]).fingerprint
    other_meaning = Layout(CATALOGUE.layout.fields, meaning="another default").fingerprint
    assert len({CATALOGUE.fingerprint, other_products, other_meaning}) == 3
    assert json.loads(CATALOGUE.layout.to_json())["meaning"]


@pytest.mark.parametrize("products", [(), ("a", "a"), tuple(f"p{i}" for i in range(64))])
def test_no_products_too_many_or_repeated_ones_are_refused(products: tuple[str, ...]) -> None:
    with pytest.raises(ConfigurationError, match="1 to 63 different products"):
        catalogue_for(products)
