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

from consumer.policy.bank_time import LocalTime
from consumer.policy.exclusions import note_all
from consumer.policy.facts import FIRST_CHANNEL_BIT, NO_CHANNEL, Bools, Facts, Floats, Int8s, Int64s, UInt8s
from consumer.policy.schema import ChannelText, PolicyText
from consumer.vocabulary.reasons import Exclusion
from consumer.vocabulary.words import CHANNELS

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_N = len(CHANNELS)
_DAY_MINUTES = 24 * 60


@dataclass(frozen=True, slots=True, eq=False)
class ChannelTable:
    """Compiled channels.

    set_bits : (S,), distinct channel sets; set_of_offer : (O,)
    quiet_bits : (10080,), channels that must be silent in each minute of the week, which begins on Monday
    inbound_bits : channels that only an inbound contact opens
    cost_penalty : (7,)
    """

    set_bits: UInt8s
    set_of_offer: Int64s
    quiet_bits: UInt8s
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
    quiet = [_is_quiet(known.get(c)) for c in range(_N)]
    costs = np.array([known[c].cost_minor if c in known else 0 for c in range(_N)], np.float64)
    return ChannelTable(
        set_bits=set_bits,
        set_of_offer=set_of_offer.astype(np.int64),
        quiet_bits=np.packbits(np.array(quiet), axis=0, bitorder="little")[0],
        inbound_bits=sum(1 << c for c, channel in known.items() if channel.is_inbound_only),
        cost_penalty=text.channel_choice.cost_weight * costs / max(1.0, costs.max()),
        present_weight=text.channel_choice.present_weight,
    )


def _is_quiet(channel: ChannelText | None) -> Bools:
    """Return whether a channel must be silent, for each minute of the week."""
    quiet = np.zeros((len(_WEEKDAYS), _DAY_MINUTES), np.bool_)
    if channel is None:
        return quiet.ravel()
    quiet[[day in channel.quiet_days for day in _WEEKDAYS]] = True
    if channel.quiet_hours is not None:
        minute = np.arange(_DAY_MINUTES)
        start, until = (_minute_of_day(end) for end in (channel.quiet_hours.start, channel.quiet_hours.until))
        after, before = minute >= start, minute < until
        # Quiet hours over midnight are the two ends of the day instead of its middle.
        quiet |= (after & before) if start <= until else (after | before)
    return quiet.ravel()


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
    return np.asarray(table.quiet_bits[local.weekday * _DAY_MINUTES + local.minute])


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
    reason = np.zeros(usable.shape, np.uint8)
    for bits, code in (
        (usable, Exclusion.CAP_CHANNEL),
        (awake, Exclusion.QUIET_HOURS),
        (reachable, Exclusion.NO_CHANNEL),
    ):
        reason[bits == 0] = code
    rows = table.set_of_offer
    note_all(excluded, reason[rows])
    return _best_channels(table, facts, usable)[rows]


def _best_channels(table: ChannelTable, facts: Facts, usable: UInt8s) -> Int8s:
    is_there = facts.trigger_channel[:, None] == np.arange(_N)
    score = facts.channel_preference + table.present_weight * is_there - table.cost_penalty
    is_usable = np.unpackbits(usable[:, :, None], axis=2, count=_N, bitorder="little").view(np.bool_)
    best: Int8s = np.where(is_usable, score, -np.inf).argmax(axis=2).astype(np.int8)
    best[usable == 0] = NO_CHANNEL
    return best
