"""Features → segments by each method, with the scan and the choice that led there.

Rules of this file: the story of a segmentation, arrays in and values out; files and names of columns are
other files' business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from offline.segmentation.choice import Choice, choose
from offline.segmentation.features import distinct_count
from offline.segmentation.mixture import Mixture
from offline.segmentation.partition import Partition, partition_of
from offline.segmentation.plan import (
    K_LIMIT,
    METHOD_NAMES,
    Floats,
    Int64s,
    Method,
    SegmentationPlan,
    wanted_range,
)
from offline.segmentation.sampling import analysis_rows
from offline.segmentation.scaling import Scaling, fit_scaling
from offline.segmentation.scan import Tried, scan
from offline.segmentation.silhouette import silhouettes
from offline.segmentation.threads import repeatable_threads
from offline.segmentation.ward import LinkageFit, linkage_fits, ward_labels, ward_tree
from offline.tables.table import Announce


@dataclass(frozen=True, slots=True)
class MethodSegments:
    """What one method gives at the chosen number of segments.

    Parameters
    ----------
    method : which
    partition : of all customers
    silhouettes : shape (n_sample,), of the sample's customers; None for a single segment
    mixture : for the mixture, else None
    """

    method: Method
    partition: Partition
    silhouettes: Floats | None
    mixture: Mixture | None

    @property
    def silhouette(self) -> float | None:
        """Mean silhouette of the sample."""
        return None if self.silhouettes is None else float(self.silhouettes.mean())


@dataclass(frozen=True, slots=True)
class Segmentation:
    """A finished segmentation.

    Parameters
    ----------
    plan : what was asked for
    scaling : of the features
    scaled : shape (n_customers, n_features)
    sample : rows that silhouettes, mixture, stability and Ward were computed on
    tried : the scan over numbers of segments
    choice : the chosen number, with its reason
    methods : in the order of the plan; the first one gives the segments
    tree : Ward's merges of the sample; None where Ward is not wanted
    linkages : Ward beside three other ways of merging; empty where Ward is not wanted
    """

    plan: SegmentationPlan
    scaling: Scaling
    scaled: Floats
    sample: Int64s
    tried: tuple[Tried, ...]
    choice: Choice
    methods: Mapping[Method, MethodSegments]
    tree: Floats | None
    linkages: Mapping[str, LinkageFit]

    @property
    def first(self) -> MethodSegments:
        """The method whose segments are used."""
        return next(iter(self.methods.values()))


def segmented(raw: Floats, plan: SegmentationPlan, announce: Announce) -> Segmentation:
    """Return the segments of customers.

    Parameters
    ----------
    raw : shape (n_customers, n_features), finite, no feature constant
    plan : what to do
    announce : told before each step

    Raises
    ------
    ConfigurationError : more segments are asked for than there are different customers
    """
    tried_range = wanted_range(plan, len(raw), distinct_count(raw, enough=K_LIMIT))
    ks = sorted({*range(tried_range.first, tried_range.last + 1), *([plan.k] if plan.k else [])})
    scaling = fit_scaling(raw, plan.scale)
    scaled = scaling.scaled(raw)
    sample = analysis_rows(len(raw), plan.seed)
    with repeatable_threads():
        tried = scan(
            scaled,
            ks,
            sample=sample,
            seed=plan.seed,
            with_mixture=Method.GMM in plan.methods,
            announce=announce,
        )
        choice = choose(tried, plan.k)
        best = next(one for one in tried if one.k == choice.k)
        announce(f"{', '.join(METHOD_NAMES[method] for method in plan.methods)} with {choice.k} segments")
        tree = ward_tree(scaled[sample]) if Method.WARD in plan.methods else None
        partitions = {
            method: _partition(method, best, scaled=scaled, sample=sample, tree=tree)
            for method in plan.methods
        }
        values = silhouettes(scaled[sample], [one.labels[sample] for one in partitions.values()])
        linkages = (
            linkage_fits(scaled, best.partition.labels, choice.k, plan.seed) if tree is not None else {}
        )
    methods = {
        method: MethodSegments(method, partition, found, best.mixture if method is Method.GMM else None)
        for (method, partition), found in zip(partitions.items(), values, strict=True)
    }
    return Segmentation(plan, scaling, scaled, sample, tuple(tried), choice, methods, tree, linkages)


def _partition(
    method: Method, best: Tried, *, scaled: Floats, sample: Int64s, tree: Floats | None
) -> Partition:
    if method is Method.KMEANS:
        return best.partition
    if method is Method.GMM:
        assert best.mixture is not None
        return partition_of(scaled, best.mixture.labels(scaled))
    assert tree is not None
    return partition_of(scaled, ward_labels(tree, best.k, scaled=scaled, sample=sample))
