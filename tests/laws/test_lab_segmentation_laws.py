"""Laws of the segmentation: what holds for any table of customers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import (
    calinski_harabasz_score,
    davies_bouldin_score,
    silhouette_samples,
)

from offline.segmentation.comparison import agreement, crosstab
from offline.segmentation.criteria import calinski_harabasz, davies_bouldin
from offline.segmentation.partition import nearest, partition_of
from offline.segmentation.plan import Floats, Int64s, KRange, Scale, SegmentationPlan
from offline.segmentation.scaling import fit_scaling
from offline.segmentation.segmented import segmented
from offline.segmentation.silhouette import silhouettes

pytestmark = pytest.mark.slow

# Eighths have exact products and sums, so that oracles need no allowance for cancelled digits.
VALUES = st.integers(-800, 800).map(lambda eighths: eighths / 8)

NARROW = SegmentationPlan(k_range=KRange(2, 4))


@st.composite
def tables(draw: st.DrawFn, rows_min: int = 3) -> Floats:
    """Customers whose every feature differs somewhere."""
    shape = draw(st.tuples(st.integers(rows_min, 30), st.integers(1, 4)))
    table: Floats = draw(arrays(np.float64, shape, elements=VALUES))
    table[0], table[1] = table[0], table[0] + 1.0
    return table


@st.composite
def labelled_tables(draw: st.DrawFn) -> tuple[Floats, Int64s]:
    table = draw(tables(rows_min=4))
    labels = draw(arrays(np.int64, len(table), elements=st.integers(0, 4)))
    labels[0], labels[1] = 0, 1
    return table, labels


@given(tables(), st.sampled_from(Scale))
def test_scaling_and_back_gives_the_same_customers(table: Floats, scale: Scale) -> None:
    scaling = fit_scaling(table, scale)
    np.testing.assert_allclose(scaling.raw(scaling.scaled(table)), table, rtol=1e-9, atol=1e-6)


@given(tables())
def test_standard_scaling_leaves_mean_zero_and_deviation_one(table: Floats) -> None:
    scaled = fit_scaling(table, Scale.STANDARD).scaled(table)
    np.testing.assert_allclose(scaled.mean(axis=0), 0.0, atol=1e-6)
    np.testing.assert_allclose(scaled.std(axis=0), 1.0, rtol=1e-6)


@given(labelled_tables())
def test_every_customer_is_in_exactly_one_segment_and_sizes_fall(drawn: tuple[Floats, Int64s]) -> None:
    table, labels = drawn
    partition = partition_of(table, labels)
    assert partition.sizes.sum() == len(table)
    assert np.bincount(partition.labels).tolist() == partition.sizes.tolist()
    assert sorted(partition.sizes, reverse=True) == partition.sizes.tolist()
    assert agreement(labels, partition.labels) == pytest.approx(1.0)


@given(labelled_tables())
def test_the_numbers_of_segments_depend_neither_on_the_order_of_rows_nor_on_other_numbers(
    drawn: tuple[Floats, Int64s],
) -> None:
    table, labels = drawn
    order = np.random.default_rng(7).permutation(len(table))
    first, other = partition_of(table, labels), partition_of(table[order], 9 - labels[order])
    assert other.sizes.tolist() == first.sizes.tolist()
    np.testing.assert_allclose(other.centres, first.centres, rtol=1e-9, atol=1e-6)


@given(labelled_tables())
def test_silhouettes_are_those_of_scikit_learn(drawn: tuple[Floats, Int64s]) -> None:
    table, labels = drawn
    labels = partition_of(table, labels).labels
    found = silhouettes(table, [labels])[0]
    assert found is not None
    if len(np.unique(labels)) < len(table):  # scikit-learn refuses a segment a customer
        np.testing.assert_allclose(found, silhouette_samples(table, labels), atol=1e-12)
    else:
        assert (found == 0).all()


@given(labelled_tables())
def test_measures_from_centres_are_those_of_scikit_learn(drawn: tuple[Floats, Int64s]) -> None:
    table, labels = drawn
    partition = partition_of(table, labels)
    if not 1 < partition.k < len(table) or partition.inertia < 1e-6:
        return
    assert calinski_harabasz(table, partition) == pytest.approx(
        calinski_harabasz_score(table, partition.labels), rel=1e-6
    )
    apart = np.linalg.norm(partition.centres[:, None] - partition.centres[None], axis=2)
    if apart[~np.eye(partition.k, dtype=bool)].min() > 1e-9:  # scikit-learn drops pairs in one place
        assert davies_bouldin(table, partition) == pytest.approx(
            davies_bouldin_score(table, partition.labels), rel=1e-6
        )


@given(labelled_tables())
def test_a_crosstab_counts_every_customer_once(drawn: tuple[Floats, Int64s]) -> None:
    table, labels = drawn
    other = partition_of(table, labels[::-1].copy()).labels
    counted = crosstab(labels, other)
    assert sum(counted.values()) == len(table)
    assert all(counted.values())


@given(tables(), st.integers(1, 5))
def test_the_nearest_centre_is_the_nearest(table: Floats, k: int) -> None:
    centres = table[:k]
    distances = np.linalg.norm(table[:, None] - centres[None], axis=2)
    chosen = distances[np.arange(len(table)), nearest(table, centres)]
    np.testing.assert_allclose(chosen, distances.min(axis=1), rtol=1e-6, atol=1e-4)


@settings(max_examples=3)
@given(st.integers(0, 2**32 - 1))
def test_the_order_of_customers_changes_no_size_where_groups_are_apart(seed: int) -> None:
    """And the seed of the starts does not either."""
    random = np.random.default_rng(seed)
    centres = np.array([[0.0, 0.0, 0.0], [9.0, 0.0, 4.0], [0.0, 9.0, -4.0]])
    table = np.repeat(centres, [20, 14, 9], axis=0) + random.normal(0, 0.5, size=(43, 3))
    for rows, plan in (
        (np.arange(43), SegmentationPlan()),
        (random.permutation(43), SegmentationPlan(seed=3)),
    ):
        done = segmented(table[rows], plan, lambda _: None)
        assert done.choice.k == 3
        for found in done.methods.values():
            assert found.partition.sizes.tolist() == [20, 14, 9]
