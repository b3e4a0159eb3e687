"""How many segments, and why: the silhouette decides, the other measures are heard and named.

Rules of this file: pure; a number that was asked for is taken, and the reason says what the measures
would have chosen.

Theory: the elbow is the point of the inertia curve that lies farthest below the straight line between its
ends, both axes scaled to 0-1 (Satopää et al. 2011, "Kneedle", without smoothing). Measures disagree on
purpose: inertia always falls, Calinski-Harabasz likes round segments, BIC many. The silhouette is chosen
as the judge since it asks what a segment is used for: is a customer nearer to the own segment than to the
next one. Within `SILHOUETTE_TIE` of the best, the more stable number wins, then the smaller one. Outliers
please the silhouette as segments of their own, and a large rest beside a vague remainder does, so numbers with
a segment below `SMALL_SHARE` or a stability below `STABILITY_WEAK` are passed over as long as there are others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from offline.segmentation.partition import Partition
from offline.segmentation.scan import Tried

SILHOUETTE_TIE: Final = 0.01
SILHOUETTE_WEAK: Final = 0.25
"""Kaufman & Rousseeuw (1990), table 4: below it no substantial structure has been found."""

STABILITY_WEAK: Final = 0.7

SMALL_SHARE: Final = 0.01
"""A segment of less than one customer in a hundred is a few outliers, and no campaign is made for it."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A number of segments with its reason.

    Parameters
    ----------
    k : number of segments
    reason : sentences with the numbers that decided
    votes : measure → number of segments that it would choose
    warnings : sentences about what the choice does not mean
    """

    k: int
    reason: str
    votes: dict[str, int]
    warnings: tuple[str, ...]


def choose(tried: Sequence[Tried], asked_k: int | None) -> Choice:
    """Return the number of segments to use.

    Parameters
    ----------
    tried : at least one
    asked_k : the number that a person asked for (it must have been tried), or None
    """
    votes = votes_of(tried)
    best = _best(tried) if asked_k is None else next(one for one in tried if one.k == asked_k)
    first = _asked_reason(best, votes) if asked_k is not None else _found_reason(best, tried)
    return Choice(best.k, " ".join([first, *_others(best, votes)]), votes, _warnings(best))


def votes_of(tried: Sequence[Tried]) -> dict[str, int]:
    """Return which number of segments each measure would choose, for the measures that can tell."""
    measures: dict[str, Callable[[Tried], float | None]] = {
        "silhouette": lambda one: one.silhouette,
        "calinski_harabasz": lambda one: one.calinski_harabasz,
        "davies_bouldin": lambda one: None if one.davies_bouldin is None else -one.davies_bouldin,
        "bic": lambda one: None if one.mixture is None else -one.mixture.bic,
        "stability": lambda one: None if one.stability is None else one.stability.mean,
    }
    votes = {name: _highest(tried, measure) for name, measure in measures.items()}
    votes["elbow"] = elbow([one.k for one in tried], [one.partition.inertia for one in tried])
    return {name: k for name, k in votes.items() if k is not None}


def elbow(ks: Sequence[int], inertias: Sequence[float]) -> int | None:
    """Return the number of segments at the elbow of the inertia, or None with fewer than three.

    Examples
    --------
    >>> elbow([1, 2, 3, 4], [100.0, 30.0, 25.0, 20.0])
    2
    """
    falls = np.asarray(inertias) - inertias[-1]
    if len(ks) < 3 or falls[0] <= 0:
        return None
    along = (np.asarray(ks) - ks[0]) / (ks[-1] - ks[0])
    return int(ks[int(np.argmax(1.0 - along - falls / falls[0]))])


def _highest(tried: Sequence[Tried], measure: Callable[[Tried], float | None]) -> int | None:
    known = [(value, -one.k) for one in tried if (value := measure(one)) is not None]
    return -max(known)[1] if len(known) > 1 else None


def _best(tried: Sequence[Tried]) -> Tried:
    known = [(one.silhouette, one) for one in _eligible(tried) if one.silhouette is not None]
    if not known:
        return tried[0]
    highest = max(value for value, _ in known)
    near = [one for value, one in known if value >= highest - SILHOUETTE_TIE]
    return max(near, key=lambda one: (one.stability.mean if one.stability else 0.0, -one.k))


def _eligible(tried: Sequence[Tried]) -> list[Tried]:
    """Return the numbers without splinters that are stable; else those without splinters; else all."""
    able = [one for one in tried if one.silhouette is not None]
    whole = [one for one in able if not is_splintered(one.partition)]
    return [one for one in whole if not _is_unstable(one)] or whole or able


def _is_unstable(one: Tried) -> bool:
    return one.stability is not None and one.stability.mean < STABILITY_WEAK


def is_splintered(partition: Partition) -> bool:
    """Whether some segment has less than one customer in a hundred."""
    return bool(partition.sizes.min() < SMALL_SHARE * partition.sizes.sum())


def _found_reason(best: Tried, tried: Sequence[Tried]) -> str:
    eligible = _eligible(tried)
    known = {one.k: one.silhouette for one in eligible if one.silhouette is not None}
    passed = [one for one in tried if one not in eligible and _would_win(one, best)]
    return _rival_reason(best, known) + _passed_reason(passed)


def _would_win(one: Tried, best: Tried) -> bool:
    return one.silhouette is not None and best.silhouette is not None and one.silhouette >= best.silhouette


def _rival_reason(best: Tried, known: Mapping[int, float]) -> str:
    if best.silhouette is None or len(known) < 2:
        return f"{_segments(best.k)}: no other number could be chosen."
    rival = max((k for k in known if k != best.k), key=lambda k: (known[k], -k))
    told = f"{known[rival]:.3f} at {rival}"
    if known[rival] <= best.silhouette:
        return (
            f"{_segments(best.k)}: customers are clearest in their own segment there "
            f"(mean silhouette {best.silhouette:.3f}; next best {told})."
        )
    return (
        f"{_segments(best.k)}: the mean silhouette of {best.silhouette:.3f} is within {SILHOUETTE_TIE} of the "
        f"best ({told}) and the segments come back at least as surely in other samples."
    )


def _passed_reason(passed: Sequence[Tried]) -> str:
    small = [one for one in passed if is_splintered(one.partition)]
    unstable = [one for one in passed if one not in small]
    said = ""
    if small:
        least = min(int(one.partition.sizes.min()) for one in small)
        said += (
            f" Passed over: {_listed([str(one.k) for one in small])}, where a segment has less than 1 % of the "
            f"customers (the smallest {least:,})."
        )
    if unstable:
        said += (
            f" Passed over: {_listed([str(one.k) for one in unstable])}, where other samples of customers give "
            f"other segments (adjusted Rand index below {STABILITY_WEAK})."
        )
    return said


def _asked_reason(best: Tried, votes: dict[str, int]) -> str:
    found = "" if best.silhouette is None else f" (mean silhouette {best.silhouette:.3f})"
    other = votes.get("silhouette", best.k)
    would = f"; the silhouette would have chosen {other}" if other != best.k else ""
    return f"{_segments(best.k)}: this number was asked for{found}{would}."


def _others(best: Tried, votes: dict[str, int]) -> list[str]:
    labels = {
        "elbow": "the elbow of the inertia",
        "calinski_harabasz": "Calinski-Harabasz",
        "davies_bouldin": "Davies-Bouldin",
        "bic": "the mixture's BIC",
        "stability": "stability",
    }
    agree = [label for name, label in labels.items() if votes.get(name) == best.k]
    differ = [f"{label} {votes[name]}" for name, label in labels.items() if votes.get(name, best.k) != best.k]
    said = []
    if agree:
        said.append(_capital(f"{_listed(agree)} {'says' if len(agree) == 1 else 'say'} the same."))
    if differ:
        said.append(f"Other choices: {_listed(differ)}.")
    if best.stability is not None:
        said.append(
            f"Over {best.stability.bootstraps} bootstrap samples of {best.stability.rows:,} customers the same "
            f"segments come back with an adjusted Rand index of {best.stability.mean:.3f} "
            f"(least {best.stability.least:.3f}; 1 is identical)."
        )
    return said


def _warnings(best: Tried) -> tuple[str, ...]:
    said = []
    if best.silhouette is not None and best.silhouette < SILHOUETTE_WEAK:
        said.append(
            f"The mean silhouette of {best.silhouette:.3f} is below {SILHOUETTE_WEAK}: the segments cut a "
            f"continuum into parts rather than find groups that are apart."
        )
    if best.stability is not None and best.stability.mean < STABILITY_WEAK:
        said.append(
            f"The adjusted Rand index of {best.stability.mean:.3f} over bootstrap samples is below "
            f"{STABILITY_WEAK}: another sample of customers would give other segments."
        )
    if is_splintered(best.partition):
        said.append(
            f"The smallest segment has {int(best.partition.sizes.min()):,} of {int(best.partition.sizes.sum()):,} "
            f"customers, less than 1 %: outliers more than a segment. Capping them, or --scale robust, may help."
        )
    if best.partition.k < best.k:
        said.append(f"Only {best.partition.k} of {best.k} segments have customers.")
    return tuple(said)


def _segments(k: int) -> str:
    return "1 segment" if k == 1 else f"{k} segments"


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _capital(sentence: str) -> str:
    return sentence[0].upper() + sentence[1:]
