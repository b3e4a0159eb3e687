"""What must agree across a policy file: references, meanings of rules, limits that can be kept.

Each check is a generator of faults with their place. All run, so that the number of faults is known; the
one that stands first in the file is reported.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from consumer.policy.bank_time import zone_fault
from consumer.policy.rules import DECISION_FIELDS, PROFILE_TEXT_FIELDS, rule_fault
from consumer.policy.schema import CapText, OfferText, PolicyText, Rules, RuleSetText
from consumer.policy.triggers import KINDS_OF_SOURCE
from consumer.policy.yaml_lines import Path
from consumer.vocabulary.products import catalogue_key
from consumer.vocabulary.words import CHANNELS

CONTACT_RING_SIZE: Final = 16
"""Contacts that a customer record remembers; a cap that needs more of them could be overshot."""

RULE_STAGES: Final = ("eligibility", "applicability", "suitability")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong at a place of the file; `text` completes the sentence that begins with the field."""

    path: Path
    text: str


def faults(document: PolicyText, known_fields: Collection[str] | None) -> Iterator[Fault]:
    """Return every fault of a well-shaped policy.

    Parameters
    ----------
    document : the policy
    known_fields : names that rules may use besides the policy's own; None leaves names unchecked
    """
    yield from _names(document)
    yield from _bank(document)
    yield from _triggers(document)
    yield from _contact_policy(document)
    for index, offer in enumerate(document.offers):
        yield from _offer(document, offer, ("offers", index))
    trigger_names = [trigger.name for trigger in document.triggers]
    for path, rules in _all_rules(document):
        for index, rule in enumerate(rules):
            problem = rule_fault(rule, trigger_names=trigger_names)
            if problem is not None:
                yield Fault((*path, index, problem.key), problem.text)
            yield from _field_names(path, index, (rule.field, rule.times_field), known_fields)


def _field_names(
    path: Path,
    index: int,
    names: tuple[str, str | None],
    known_fields: Collection[str] | None,
) -> Iterator[Fault]:
    if known_fields is None:
        return
    known = {*known_fields, *DECISION_FIELDS, *PROFILE_TEXT_FIELDS}
    for key, name in zip(("field", "times_field"), names, strict=True):
        if name is not None and name not in known:
            yield Fault(
                (*path, index, key), f"names {name!r}, which is no feature, profile or decision field"
            )


def _all_rules(document: PolicyText) -> Iterator[tuple[Path, Rules]]:
    yield ("gates", "retention_only_when"), document.gates.retention_only_when
    for name, rule_set in document.rule_sets.items():
        yield from _stages(("rule_sets", name), rule_set)
    for index, offer in enumerate(document.offers):
        yield from _stages(("offers", index), offer)


def _stages(path: Path, holder: RuleSetText | OfferText) -> Iterator[tuple[Path, Rules]]:
    for stage in RULE_STAGES:
        yield (*path, stage), getattr(holder, stage)


def _repeats(names: list[str], *path: str | int, key: str = "id") -> Iterator[Fault]:
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name in seen:
            yield Fault((*path, index, key), f"repeats {name!r}; each must have its own")
        seen.add(name)


def _names(document: PolicyText) -> Iterator[Fault]:
    offer_ids = [offer.id for offer in document.offers]
    product_ids = {product.id for product in document.products}
    yield from _repeats([product.id for product in document.products], "products")
    yield from _repeats(offer_ids, "offers")
    yield from _repeats([trigger.name for trigger in document.triggers], "triggers", key="name")
    for index, offer_id in enumerate(offer_ids):
        if offer_id in product_ids:
            yield Fault(("offers", index, "id"), f"is {offer_id!r}, the id of a product too")
    keys: dict[int, str] = {}
    for part, items in (("products", document.products), ("offers", document.offers)):
        for index, name in enumerate(item.id for item in items):
            if (held := keys.setdefault(catalogue_key(name), name)) != name:
                text = f"is {name!r}, which has the same 16-bit key as {held!r}; change one letter"
                yield Fault((part, index, "id"), text)


def _bank(document: PolicyText) -> Iterator[Fault]:
    zone = zone_fault(document.time_zone)
    if zone is not None:
        yield Fault(("time_zone",), zone)
    scale = document.value_scale
    if scale.ceiling_minor <= scale.scale_minor:
        yield Fault(("value_scale", "ceiling_minor"), "must be more than scale_minor")
    arms = document.arms
    if arms.random_relevant_share + arms.p_accept_only_share + arms.no_levers_share > 1.0:
        yield Fault(("arms",), "has control arms whose shares add up to more than 1")
    if arms.holdout_salt == arms.arms_salt:
        yield Fault(
            ("arms", "arms_salt"), "must differ from holdout_salt, or arms and holdout are the same draw"
        )
    for name, channel in document.channels.items():
        hours = channel.quiet_hours
        if hours is not None and hours.start == hours.until:
            text = "begins when it ends; leave the channel out to switch it off"
            yield Fault(("channels", name, "quiet_hours"), text)


def _triggers(document: PolicyText) -> Iterator[Fault]:
    owner: dict[tuple[str, str], str] = {}
    for index, trigger in enumerate(document.triggers):
        kinds = KINDS_OF_SOURCE[trigger.source]
        if bool(trigger.kinds) != bool(kinds):
            words = (
                f"must name at least one of {', '.join(kinds)}"
                if kinds
                else "must be absent: the source has no kinds"
            )
            yield Fault(("triggers", index, "kinds"), words)
        for place, kind in enumerate(trigger.kinds):
            if kinds and kind not in kinds:
                yield Fault(
                    ("triggers", index, "kinds", place), f"is {kind!r}, not one of {', '.join(kinds)}"
                )
        for kind in trigger.kinds or [""]:
            first = owner.setdefault((trigger.source, kind), trigger.name)
            if first != trigger.name:
                text = f"takes {trigger.source} {kind} which trigger {first!r} has already".replace("  ", " ")
                yield Fault(("triggers", index, "kinds"), text)


def _contact_policy(document: PolicyText) -> Iterator[Fault]:
    offer_ids = {offer.id for offer in document.offers}
    groups = {product.group for product in document.products}
    contact = document.contact_policy
    for index, cap in enumerate(contact.caps):
        yield from _cap(document, cap, ("contact_policy", "caps", index))
    for name in contact.cooling_off_days_by_group:
        if name not in groups:
            yield Fault(("contact_policy", "cooling_off_days_by_group", name), "is no group of a product")
    for index, members in enumerate(contact.mutually_exclusive):
        path = ("contact_policy", "mutually_exclusive", index)
        yield from _unknown(members, offer_ids, path=path, what="offer")


def _cap(document: PolicyText, cap: CapText, path: Path) -> Iterator[Fault]:
    for key in ("channel", "offer"):
        if getattr(cap, key) is not None and cap.scope != key:
            yield Fault((*path, key), f"does not go with scope {cap.scope}")
    if cap.offer is not None and cap.offer not in {offer.id for offer in document.offers}:
        yield Fault((*path, "offer"), f"names {cap.offer!r}, which is no offer")
    possible = _contacts_possible(document, cap.window_days)
    if possible > CONTACT_RING_SIZE:
        text = (
            f"cannot be kept: a customer's last {CONTACT_RING_SIZE} contacts are remembered, and the total "
            f"caps allow {possible} in {cap.window_days} days; lower a total cap or shorten the window"
        )
        yield Fault(path, text)


def _contacts_possible(document: PolicyText, window_days: int) -> int:
    """Return the most contacts that the total caps allow in a window (a large number without any)."""
    totals = [cap for cap in document.contact_policy.caps if cap.scope == "total"]
    return min((-(-window_days // cap.window_days) * cap.max for cap in totals), default=10**6)


def _offer(document: PolicyText, offer: OfferText, path: Path) -> Iterator[Fault]:
    products = {product.id for product in document.products}
    triggers = {trigger.name for trigger in document.triggers}
    for key in ("products", "requires_held", "excludes_held"):
        yield from _unknown(getattr(offer, key), products, path=(*path, key), what="product")
    yield from _unknown(offer.rule_sets, document.rule_sets, path=(*path, "rule_sets"), what="rule set")
    yield from _unknown(offer.triggers or (), triggers, path=(*path, "triggers"), what="trigger")
    for name in offer.context_weights:
        if name not in triggers:
            yield Fault((*path, "context_weights", name), "is no trigger")
    yield from _offer_kind(offer, path)
    if all(name in document.rule_sets for name in offer.rule_sets):
        yield from _affordability(document, offer, path)
    yield from _offer_dates_and_creatives(document, offer, path)


def _unknown(names: Iterable[str], known: Collection[str], *, path: Path, what: str) -> Iterator[Fault]:
    for index, name in enumerate(names):
        if name not in known:
            yield Fault((*path, index), f"names {name!r}, which is no {what}")


def _offer_kind(offer: OfferText, path: Path) -> Iterator[Fault]:
    n_products = len(offer.products)
    if len(set(offer.products)) != n_products:
        yield Fault((*path, "products"), "names a product twice")
    if (offer.kind == "bundle") != (n_products > 1):
        yield Fault(
            (*path, "products"), f"has {n_products} products, which does not go with kind {offer.kind}"
        )
    if offer.kind in {"upsell", "retention"} and not offer.requires_held:
        yield Fault((*path, "kind"), f"is {offer.kind}, so requires_held must name what the customer holds")
    if offer.kind != "retention" and set(offer.products) <= set(offer.requires_held):
        yield Fault(
            (*path, "requires_held"), "names what is offered; only a retention offer is for its holders"
        )
    if offer.at_risk_share and offer.kind != "retention":
        yield Fault((*path, "at_risk_share"), "is for retention offers only")


def _affordability(document: PolicyText, offer: OfferText, path: Path) -> Iterator[Fault]:
    """Credit that nobody checked the customer can afford is not offered."""
    credit = [
        product.id for product in document.products if product.is_credit and product.id in offer.products
    ]
    shared = [document.rule_sets[name].suitability for name in offer.rule_sets]
    if credit and offer.kind != "retention" and not offer.suitability and not any(shared):
        yield Fault(
            (*path, "suitability"), f"is missing: {credit[0]} is credit and needs an affordability rule"
        )


def _offer_dates_and_creatives(document: PolicyText, offer: OfferText, path: Path) -> Iterator[Fault]:
    if offer.active_from and offer.active_to and offer.active_to < offer.active_from:
        yield Fault((*path, "active_to"), "is before active_from")
    uses = Counter(channel for creative in offer.creatives for channel in creative.channels)
    for index, creative in enumerate(offer.creatives):
        for place, channel in enumerate(creative.channels):
            where = (*path, "creatives", index, "channels", place)
            if channel not in document.channels:
                open_channels = ", ".join(name for name in CHANNELS if name in document.channels)
                yield Fault(where, f"names {channel!r}, which is not under channels ({open_channels})")
            if uses[channel] > 1:
                yield Fault(where, f"names {channel!r}, which has more than one creative in this offer")
