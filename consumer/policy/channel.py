"""The channel of each offer: consented, open, within its caps, and then the best liked for its cost.

Score of channel c for a customer = preference_c + present_weight * [the customer is there now]
- cost_weight * cost_c / largest cost; the highest score wins, of equal ones the first in `CHANNELS`.
An inbound-only channel (branch, call centre) is open only while the customer is there: nobody is called
for an offer, but who calls hears of it.

Offers with creatives for the same channels share all of this, so it is computed once for each distinct set.
Sets of channels are bits of one byte: bit c = channel c.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consumer.policy.bank_time import LocalTime
from consumer.policy.exclusions import note
from consumer.policy.facts import FIRST_CHANNEL_BIT, NO_CHANNEL, Bools, Facts, Floats, Int8s, Int64s, UInt8s
from consumer.policy.schema import ChannelText, PolicyText
from consumer.vocabulary.reasons import Exclusion
from consumer.vocabulary.words import CHANNELS

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_N = len(CHANNELS)


@dataclass(frozen=True, slots=True, eq=False)
class ChannelTable:
    """Compiled channels.

    set_bits : (S,), distinct channel sets; set_of_offer : (O,)
    quiet_from, quiet_until : (7,), minutes of the day, equal where a channel has no quiet hours
    is_quiet_day : (7 channels, 7 weekdays)
    inbound_bits : channels that only an inbound contact opens
    cost_penalty : (7,)
    """

    set_bits: UInt8s
    set_of_offer: Int64s
    quiet_from: Int64s
    quiet_until: Int64s
    is_quiet_day: Bools
    inbound_bits: int
    cost_penalty: Floats
    present_weight: float


def channel_table(text: PolicyText) -> ChannelTable:
    """Return the channels of a policy."""
    offered = [
        sum(1 << CHANNELS.index(channel) for creative in offer.creatives for channel in creative.channels)
        for offer in text.offers
    ]
    set_bits, set_of_offer = np.unique(np.array(offered, np.uint8), return_inverse=True)
    known = {CHANNELS.index(name): channel for name, channel in text.channels.items()}
    quiet = np.array([_quiet_minutes(known.get(c)) for c in range(_N)], np.int64)
    days = [[c in known and day in known[c].quiet_days for day in _WEEKDAYS] for c in range(_N)]
    costs = np.array([known[c].cost_minor if c in known else 0 for c in range(_N)], np.float64)
    return ChannelTable(
        set_bits=set_bits,
        set_of_offer=set_of_offer.astype(np.int64),
        quiet_from=quiet[:, 0],
        quiet_until=quiet[:, 1],
        is_quiet_day=np.array(days),
        inbound_bits=sum(1 << c for c, channel in known.items() if channel.is_inbound_only),
        cost_penalty=text.channel_choice.cost_weight * costs / max(1.0, costs.max()),
        present_weight=text.channel_choice.present_weight,
    )


def _quiet_minutes(channel: ChannelText | None) -> tuple[int, int]:
    hours = channel.quiet_hours if channel is not None else None
    return (0, 0) if hours is None else (_minute_of_day(hours.start), _minute_of_day(hours.until))


def _minute_of_day(clock_time: str) -> int:
    hours, minutes = clock_time.split(":")
    return int(hours) * 60 + int(minutes)


def reachable_bits(table: ChannelTable, facts: Facts) -> UInt8s:
    """Return the channels that the customer consented to and that can be used now; shape (n,)."""
    consented = facts.consents.astype(np.int64) >> FIRST_CHANNEL_BIT
    present = np.where(
        facts.trigger_channel >= 0, 1 << np.maximum(facts.trigger_channel, 0).astype(np.int64), 0
    )
    reachable: UInt8s = (consented & (present | ~table.inbound_bits) & (2**_N - 1)).astype(np.uint8)
    return reachable


def quiet_bits(table: ChannelTable, local: LocalTime) -> UInt8s:
    """Return the channels that must be silent at each instant; shape (n,)."""
    bits = np.zeros(len(local.minute), np.uint8)
    for c in range(_N):
        start, until = table.quiet_from[c], table.quiet_until[c]
        after, before = local.minute >= start, local.minute < until
        # Quiet hours over midnight are the two ends of the day instead of its middle.
        quiet = (after & before) if start <= until else (after | before)
        quiet |= table.is_quiet_day[c][local.weekday]
        bits |= quiet.astype(np.uint8) << np.uint8(c)
    return bits


@dataclass(frozen=True, slots=True, eq=False)
class OpenChannels:
    """Bits of the channels that are reachable, quiet and at their cap; each (n,)."""

    reachable: UInt8s
    quiet: UInt8s
    capped: UInt8s


def choose_channels(
    table: ChannelTable, facts: Facts, open_channels: OpenChannels, excluded: UInt8s
) -> Int8s:
    """Return each offer's channel, (O, n), `NO_CHANNEL` where none is open; note why in `excluded`."""
    reachable = table.set_bits[:, None] & open_channels.reachable
    awake = reachable & ~open_channels.quiet
    usable = awake & ~open_channels.capped
    rows = table.set_of_offer
    note(excluded, (reachable == 0)[rows], Exclusion.NO_CHANNEL)
    note(excluded, (awake == 0)[rows], Exclusion.QUIET_HOURS)
    note(excluded, (usable == 0)[rows], Exclusion.CAP_CHANNEL)
    return _best_channels(table, facts, usable)[rows]


def _best_channels(table: ChannelTable, facts: Facts, usable: UInt8s) -> Int8s:
    best = np.full(usable.shape, NO_CHANNEL, np.int8)
    best_score = np.full(usable.shape, -np.inf)
    for c in range(_N):
        score: NDArray[np.float64] = (
            facts.channel_preference[:, c]
            + table.present_weight * (facts.trigger_channel == c)
            - table.cost_penalty[c]
        )
        is_better = (usable & np.uint8(1 << c) != 0) & (score > best_score)
        np.copyto(best, np.int8(c), where=is_better)
        np.copyto(best_score, np.broadcast_to(score, usable.shape), where=is_better)
    return best
