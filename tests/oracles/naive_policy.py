"""The candidates of one decision, the slow and obvious way: straight from the policy's text, one offer at a time.

Everything the columnar code does with masks and tables is done here with ifs, for comparison.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from consumer.policy.document import Policy
from consumer.policy.facts import Facts
from consumer.policy.rules import KNOWN_FLAGS
from consumer.policy.schema import OfferText, RuleText
from consumer.vocabulary.ids import stable_hash64
from consumer.vocabulary.products import Offer
from consumer.vocabulary.reasons import Exclusion
from consumer.vocabulary.topics import INPUT_ROLES
from consumer.vocabulary.words import (
    AML_STATUSES,
    CHANNELS,
    EMPLOYMENT_STATUSES,
    INTERACTION_KINDS,
    KYC_STATUSES,
    OUTCOME_KINDS,
    TRANSACTION_KINDS,
)

DAY_MS = 86_400_000
KINDS = {"transactions": TRANSACTION_KINDS, "interactions": INTERACTION_KINDS, "outcomes": OUTCOME_KINDS}
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "at_least": operator.ge,
    "at_most": operator.le,
    "above": operator.gt,
    "below": operator.lt,
    "equals": operator.eq,
    "differs": operator.ne,
    "one_of": lambda value, values: value in values,
    "none_of": lambda value, values: value not in values,
}


class NaiveDecision:
    """One row of the facts, asked offer by offer."""

    def __init__(self, policy: Policy, facts: Facts, row: int) -> None:
        self.text = policy.text
        self.catalogue = policy.catalogue
        self.facts = facts
        self.row = row
        self.channels = {str(name): settings for name, settings in policy.text.channels.items()}
        offset = timedelta(hours=2)  # of tests/golden/small_bank.yaml
        self.local = datetime.fromtimestamp(int(facts.at_ms[row]) / 1000, UTC).astimezone(timezone(offset))
        self.at_ms = int(facts.at_ms[row])
        self.held = {p for i, p in enumerate(self.catalogue.product_ids) if int(facts.holdings[row]) >> i & 1}
        self.contacts = [
            (int(s) * 1000, int(key), CHANNELS[int(channel)])
            for s, key, channel in zip(
                facts.contact_s[row], facts.contact_offer[row], facts.contact_channel[row], strict=True
            )
            if s
        ]
        self.trigger = self._trigger()
        self.fields = {name: float(column[row]) for name, column in facts.fields.items()}

    def exclusion(self, offer: OfferText) -> Exclusion:
        """Return the first reason, by code, for which this offer falls out."""
        found = {code for code, fails in self._checks(offer).items() if fails}
        return Exclusion(min(found, default=Exclusion.NONE))

    def _checks(self, offer: OfferText) -> dict[Exclusion, bool]:
        gate = self._gate()
        sets = [self.text.rule_sets[name] for name in offer.rule_sets]
        day = self.local.date()
        reachable = [c for c in self._channels(offer) if self._is_reachable(c)]
        awake = [c for c in reachable if not self._is_quiet(c)]
        usable = [c for c in awake if not self._is_channel_capped(c)]
        adverse = any(self._meets(rule) for rule in self.text.gates.retention_only_when)
        return {
            gate: gate is not Exclusion.NONE,
            Exclusion.ALREADY_HELD: bool(self.held & (set(offer.products) - set(offer.requires_held))),
            Exclusion.NOT_ELIGIBLE: bool(offer.requires_held and not self.held & set(offer.requires_held))
            or bool(self.held & set(offer.excludes_held))
            or not self._meets_all(offer.eligibility, *(s.eligibility for s in sets)),
            Exclusion.NOT_APPLICABLE: (offer.triggers is not None and self.trigger not in offer.triggers)
            or not self._meets_all(offer.applicability, *(s.applicability for s in sets)),
            Exclusion.NOT_SUITABLE: (adverse and offer.kind != "retention")
            or not self._meets_all(offer.suitability, *(s.suitability for s in sets)),
            Exclusion.NO_CHANNEL: not reachable,
            Exclusion.QUIET_HOURS: not awake,
            Exclusion.CAP_TOTAL: self._is_capped("total"),
            Exclusion.CAP_CHANNEL: not usable,
            Exclusion.CAP_OFFER: self._is_capped("offer", offer=offer.id),
            Exclusion.COOLING_OFF: any(self._is_cooling(name) for name in offer.products),
            Exclusion.MUTUALLY_EXCLUSIVE: any(
                other != offer.id and self._is_live(other)
                for members in self.text.contact_policy.mutually_exclusive
                if offer.id in members
                for other in members
            ),
            Exclusion.BUDGET_SPENT: self._budget_left(offer) <= 0,
            Exclusion.OFFER_INACTIVE: not offer.is_active
            or (offer.active_from is not None and day < offer.active_from)
            or (offer.active_to is not None and day > offer.active_to),
        }

    def _gate(self) -> Exclusion:
        facts, row = self.facts, self.row
        consents = int(facts.consents[row])
        checks = {
            Exclusion.UNKNOWN_CUSTOMER: not facts.is_known[row],
            Exclusion.NO_MARKETING_CONSENT: not consents & 1,
            Exclusion.NO_PROFILING_CONSENT: not consents & 2,
            Exclusion.DECEASED: facts.is_deceased[row],
            Exclusion.MINOR: math.isnan(facts.age_years[row])
            or facts.age_years[row] < self.text.gates.adult_age_years,
            Exclusion.KYC_INCOMPLETE: facts.kyc_status[row] != KYC_STATUSES.index("complete"),
            Exclusion.AML_HOLD: facts.aml_status[row] != AML_STATUSES.index("clear"),
            Exclusion.VULNERABLE: facts.is_vulnerable[row],
        }
        return next((code for code, fails in checks.items() if fails), Exclusion.NONE)

    def _trigger(self) -> str | None:
        source = INPUT_ROLES[int(self.facts.trigger_source[self.row])]
        kinds = KINDS.get(source, ("",))
        code = int(self.facts.trigger_kind[self.row])
        kind = kinds[code] if code < len(kinds) else None
        for trigger in self.text.triggers:
            if trigger.source == source and (kind in trigger.kinds or not trigger.kinds):
                return trigger.name
        return None

    def _meets_all(self, *groups: list[RuleText]) -> bool:
        return all(self._meets(rule) for rules in groups for rule in rules)

    def _meets(self, rule: RuleText) -> bool:
        names = [name for name in (rule.field, rule.times_field) if name is not None]
        value = self.fields[rule.field]
        if any(
            KNOWN_FLAGS[name] in self.fields and not self.fields[KNOWN_FLAGS[name]]
            for name in names
            if name in KNOWN_FLAGS
        ):
            return False
        if math.isnan(value) or (rule.field in {"employment_status", "region", "occupation"} and value == -1):
            return False
        bound: Any = (
            [self._code(rule.field, v) for v in rule.value]
            if isinstance(rule.value, list)
            else self._code(rule.field, rule.value)
        )
        if rule.times_field is not None:
            bound *= self.fields[rule.times_field]
            if math.isnan(bound):
                return False
        return bool(COMPARE[rule.operator](value, bound))

    def _code(self, field: str, value: float | str) -> float:
        if not isinstance(value, str):
            return value
        if field == "employment_status":
            return EMPLOYMENT_STATUSES.index(value)
        return stable_hash64(value) & 0xFFFF_FFFF

    def _channels(self, offer: OfferText) -> list[str]:
        return [channel for creative in offer.creatives for channel in creative.channels]

    def _is_reachable(self, channel: str) -> bool:
        code = CHANNELS.index(channel)
        here = int(self.facts.trigger_channel[self.row]) == code
        consented = bool(int(self.facts.consents[self.row]) >> (2 + code) & 1)
        return consented and (here or not self.channels[channel].is_inbound_only)

    def _is_quiet(self, channel: str) -> bool:
        settings = self.channels[channel]
        if f"{self.local:%A}".lower() in settings.quiet_days:
            return True
        if settings.quiet_hours is None:
            return False
        start, until, now = settings.quiet_hours.start, settings.quiet_hours.until, f"{self.local:%H:%M}"
        return start <= now < until if start < until else now >= start or now < until

    def _is_capped(self, scope: str, *, channel: str | None = None, offer: str | None = None) -> bool:
        key = Offer(offer, "cross_sell", (), {}).offer_key if offer is not None else None
        for cap in self.text.contact_policy.caps:
            if cap.scope != scope or cap.channel not in {None, channel} or cap.offer not in {None, offer}:
                continue
            count = sum(
                self.at_ms < at + cap.window_days * DAY_MS and key in {None, k} and channel in {None, c}
                for at, k, c in self.contacts
            )
            if count >= cap.max:
                return True
        return False

    def _is_channel_capped(self, channel: str) -> bool:
        return self._is_capped("channel", channel=channel)

    def _is_cooling(self, product_id: str) -> bool:
        contact = self.text.contact_policy
        column = self.catalogue.product_index[product_id]
        refused_ms = int(self.facts.refused_s[self.row][column]) * 1000
        group = self.catalogue.products[column].group
        days = contact.cooling_off_days_by_group.get(group, contact.cooling_off_days)
        return refused_ms > 0 and self.at_ms < refused_ms + days * DAY_MS

    def _is_live(self, offer_id: str) -> bool:
        offer = self.catalogue.offers[self.catalogue.offer_index[offer_id]]
        return any(
            key == offer.offer_key and self.at_ms < at + offer.validity_days * DAY_MS
            for at, key, _ in self.contacts
        )

    def _budget_left(self, offer: OfferText) -> int:
        group = int(self.facts.budget_group[self.row])
        return int(self.facts.budget_left[group, self.catalogue.offer_index[offer.id]])
