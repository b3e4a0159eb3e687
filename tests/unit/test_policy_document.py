"""Policy files: what is read, what is refused, and in which words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from consumer.features.catalogue import catalogue_for
from consumer.policy import schema
from consumer.policy.compiled import compile_policy
from consumer.policy.document import load_policy, parse_policy
from consumer.policy.rules import KNOWN_FLAGS
from consumer.vocabulary.errors import ConfigurationError
from consumer.vocabulary.words import CHANNELS

SMALL = Path("tests/golden/small_bank.yaml").read_text()
RETAIL = Path("deploy/policy/retail_bank.yaml")


def refusal(text: str, known_fields: set[str] | None = None) -> str:
    with pytest.raises(ConfigurationError) as caught:
        parse_policy(text, source="bank.yaml", known_fields=known_fields)
    return str(caught.value)


# (what is replaced, by what, the words that follow the line number)
BAD_EDITS = [
    ("format: 1", "format: 2", "format is refused: input should be 1"),
    ("policy: small_bank", "polcy: small_bank", "policy is missing (and 1 more)"),
    ("adult_age_years: 18", "adult_age_years: eighteen", "gates.adult_age_years is refused: input should be a valid int"),
    ("adult_age_years: 18", "adult_age_years: 12", "gates.adult_age_years is refused: input should be greater than"),
    ("decision_gap_hours: 20", "decision_gap_hours: .nan", "decision_gap_hours is refused: input should be a finite"),
    ("decision_gap_hours: 20\n", "decision_gap_hours: 20\ndecision_gap_hours: 2\n", "has the key 'decision_gap_hours' twice"),
    ('time_zone: "+02:00"', "time_zone: Mars/Olympus", "time_zone is 'Mars/Olympus', neither an IANA time zone"),
    ('from: "21:00"', "from: 21:00", "channels.push.quiet_hours.from must be a time in quotes"),
    ('until: "08:00"', 'until: "21:00"', "channels.push.quiet_hours begins when it ends"),
    ("source: transactions, kinds: [salary]", "source: payments, kinds: [salary]", "triggers.salary.source is refused"),
    ("kinds: [salary]}", "kinds: [wages]}", "triggers.salary.kinds.0 is 'wages', not one of card_payment"),
    ("kinds: [salary]}", "kinds: []}", "triggers.salary.kinds must name at least one of card_payment"),
    ("name: interest, source: interactions, kinds: [product_view, quote_request]", "name: interest, source: transactions, kinds: [salary]", "triggers.interest.kinds takes transactions salary which trigger 'salary' has already"),
    ("window_days: 7, max: 2}", "window_days: 7, max: 0}", "contact_policy.caps.0.max is refused"),
    ("{scope: offer, window_days: 30, max: 1}", "{scope: offer, window_days: 90, max: 1}", "contact_policy.caps.2 cannot be kept: a customer's last 16 contacts are remembered, and the total caps allow 26 in 90 days"),
    ("{scope: offer, window_days: 30, max: 1}", "{scope: offer, offer: cart, window_days: 30, max: 1}", "contact_policy.caps.2.offer names 'cart', which is no offer"),
    ("{scope: channel, channel: push,", "{scope: total, channel: push,", "contact_policy.caps.1.channel does not go with scope total"),
    ("{savings: 30}", "{saving: 30}", "contact_policy.cooling_off_days_by_group.saving is no group of a product"),
    ("- [card, loan]", "- [card, lone]", "contact_policy.mutually_exclusive.0.1 names 'lone', which is no offer"),
    ("arms_salt: arms-1", "arms_salt: holdout-1", "arms.arms_salt must differ from holdout_salt"),
    ("no_levers_share: 0.2", "no_levers_share: 0.7", "arms has control arms whose shares add up to more than 1"),
    ("holdout_share: 0.2", "holdout_share: 1.2", "arms.holdout_share is refused: input should be less than or equal"),
    ("operator: at_most, value: 0.9", "operator: most, value: 0.9", "rule_sets.affordable.suitability.0.operator is refused"),
    ("operator: at_least, value: 1000000", "operator: at_least, value: much", "rule_sets.affordable.eligibility.0.value must be a number for field income_minor"),
    ("operator: at_least, value: 1000000", "operator: at_least, value: [1, 2]", "rule_sets.affordable.eligibility.0.value must be one value, not a list"),
    ("operator: one_of, value: [employed, self_employed]", "operator: one_of, value: employed", "offers.loan.eligibility.0.value must be a list for operator one_of"),
    ("operator: one_of, value: [employed, self_employed]", "operator: one_of, value: []", "offers.loan.eligibility.0.value is an empty list"),
    ("[employed, self_employed]", "[employed, hired]", "offers.loan.eligibility.0.value is 'hired', not one of employed"),
    ("operator: differs, value: North", "operator: above, value: North", "offers.loan.eligibility.1.operator is above, but region is text without an order"),
    ("operator: differs, value: North", "operator: differs, value: North, times_field: region", "offers.loan.eligibility.1.times_field does not go with field region"),
    ("id: credit_card, name", "id: savings, name", "products.savings.id repeats 'savings'; each must have its own"),
    ("  - id: start_pack", "  - id: card", "offers.card.id repeats 'card'; each must have its own"),
    ("  - id: start_pack", "  - id: credit_card", "offers.credit_card.id is 'credit_card', the id of a product too"),
    ("products: [car_loan]", "products: [carloan]", "offers.loan.products.0 names 'carloan', which is no product"),
    ("products: [savings, credit_card]", "products: [savings]", "offers.start_pack.products has 1 products, which does not go with kind bundle"),
    ("products: [savings, credit_card]", "products: [savings, savings]", "offers.start_pack.products names a product twice"),
    ("kind: retention", "kind: upsell", "offers.stay.requires_held names what is offered; only a retention offer"),
    ("    requires_held: [savings]\n", "", "offers.stay.kind is retention, so requires_held must name what the customer holds"),
    ("at_risk_share: 0.2", "at_risk_share: 1.2", "offers.stay.at_risk_share is refused"),
    ("    products: [car_loan]\n    rule_sets: [affordable]\n", "    products: [car_loan]\n", "offers.loan.suitability is missing: car_loan is credit and needs an affordability rule"),
    ("    products: [credit_card]\n    rule_sets: [affordable]", "    products: [credit_card]\n    rule_sets: [afordable]", "offers.card.rule_sets.0 names 'afordable', which is no rule set"),
    ("triggers: [interest]", "triggers: [interests]", "offers.loan.triggers.0 names 'interests', which is no trigger"),
    ("context_weights: {salary: 1.5}", "context_weights: {wages: 1.5}", "offers.save.context_weights.wages is no trigger"),
    ("factor: 1.5", "factor: 100", "offers.card.lever.factor is refused: input should be less than or equal to 10"),
    ("author: Head of Cards, ", "", "offers.card.lever.author is missing"),
    ("expires_on: 2026-03-31", "expires_on: soon", "offers.card.lever.expires_on is refused: input should be a valid date"),
    ("active_to: 2026-12-31", "active_to: 2025-12-31", "offers.loan.active_to is before active_from"),
    ("active_to: 2026-12-31", "active_to: 2026-13-45", "holds a value that YAML cannot read"),
    ("channels: [email, branch], headline: Your", "channels: [email, fax], headline: Your", "offers.loan.creatives.loan-1.channels.1 is refused: input should be 'app'"),
    ("channels: [email, branch], headline: Your", "channels: [email, sms], headline: Your", "offers.loan.creatives.loan-1.channels.1 names 'sms', which is not under channels (app, email, push, branch)"),
    ("channels: [email, branch], headline: Your", "channels: [email, email], headline: Your", "offers.loan.creatives.loan-1.channels.0 names 'email', which has more than one creative"),
    ("headline: Your next car", "headline: ''", "offers.loan.creatives.loan-1.headline is refused"),
    ("policy: small_bank", "policy: &name small_bank", "uses a YAML anchor"),
    ("triggers:\n  - {name: salary", "triggers:\n  - {name: [salary", "is not valid YAML"),
    ("triggers:\n", "\ttriggers:\n", "is not valid YAML"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "words"), BAD_EDITS, ids=[words[:60] for _, _, words in BAD_EDITS])
def test_a_bad_file_is_refused_in_one_sentence_with_file_line_and_field(
    old: str, new: str, words: str
) -> None:
    assert SMALL.count(old) == 1, "the edit must be unique, else the line is not known"
    message = refusal(SMALL.replace(old, new))
    found = re.fullmatch(r"policy bank\.yaml, line (\d+): (.+)", message)
    assert found, message
    assert words in found[2]
    assert "\n" not in message


@pytest.mark.parametrize(
    ("old", "new", "needle"),
    [
        ("adult_age_years: 18", "adult_age_years: 12", "adult_age_years"),
        ("operator: at_most, value: 0.9", "operator: most, value: 0.9", "operator: most"),
        ("author: Head of Cards, ", "", "lever:"),
        ("products: [car_loan]", "products: [carloan]", "carloan"),
        ("    requires_held: [savings]\n", "", "kind: retention"),
        (
            "decision_gap_hours: 20\n",
            "decision_gap_hours: 20\ndecision_gap_hours: 2\n",
            "decision_gap_hours: 2",
        ),
    ],
)
def test_the_line_named_is_the_line_at_fault(old: str, new: str, needle: str) -> None:
    text = SMALL.replace(old, new)
    found = re.search(r"line (\d+)", refusal(text))
    assert found
    assert text.splitlines()[int(found[1]) - 1].count(needle) == 1


def test_the_first_fault_of_the_file_is_named_and_the_others_counted() -> None:
    text = SMALL.replace("factor: 1.5", "factor: 100").replace("adult_age_years: 18", "adult_age_years: 12")
    assert re.search(r"gates\.adult_age_years is refused: .* \(and 1 more\)$", refusal(text))


def test_a_file_that_is_missing_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"policy .*absent\.yaml cannot be read: No such file"):
        load_policy(tmp_path / "absent.yaml")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "line 1: the file must be a mapping"),
        (b"- a\n", "line 1: the file must be a mapping"),
        (b"\xff\xfe", "is not UTF-8 text: byte 0 cannot be read"),
        (b"a: \x00\n", "is not valid YAML"),
        (b"[" * 2_000 + b"]" * 2_000, "nested too deeply"),
        (b"#" * 262_145, "has 262145 bytes, more than the 262144"),
    ],
    ids=["empty", "a list", "not UTF-8", "a control character", "nested", "too large"],
)
def test_a_file_that_is_no_policy_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "bank.yaml").write_bytes(content)
    with pytest.raises(ConfigurationError, match=re.escape(words)):
        load_policy(tmp_path / "bank.yaml")


def test_a_rule_about_a_field_that_nobody_computes_is_refused_when_the_fields_are_known() -> None:
    known = {"income_minor", "debit_sum_90d", "churn_probability"}
    assert "suitability.0.times_field names 'credit_sum_90d', which is no feature" in refusal(SMALL, known)
    parse_policy(SMALL, source="bank.yaml", known_fields={*known, "credit_sum_90d"})


def test_the_version_follows_the_content_and_not_the_comments_or_the_order() -> None:
    version = parse_policy(SMALL, source="a").policy_version
    assert re.fullmatch(r"[0-9a-f]{12}", version)
    reordered = yaml.safe_dump(yaml.safe_load(SMALL), sort_keys=True)
    assert parse_policy(reordered, source="b").policy_version == version
    assert parse_policy(SMALL.replace("factor: 1.5", "factor: 1.6"), source="c").policy_version != version


def test_the_retail_bank_has_twelve_products_and_only_rules_about_known_features() -> None:
    names = load_policy(RETAIL).catalogue.product_ids
    policy = load_policy(RETAIL, known_fields=set(catalogue_for(names).names))
    assert len(policy.catalogue.products) == 12
    assert 15 <= len(policy.catalogue.offers) <= 20
    assert {offer.kind for offer in policy.catalogue.offers} == {
        "cross_sell",
        "upsell",
        "bundle",
        "retention",
    }
    assert {c for offer in policy.catalogue.offers for c in offer.creatives} == set(CHANNELS)
    assert compile_policy(policy).fields_needed <= {
        *catalogue_for(names).names,
        "employment_status",
        "region",
    }


def test_the_flags_that_say_what_is_known_are_features() -> None:
    names = set(catalogue_for(["a"]).names)
    assert set(KNOWN_FLAGS) | set(KNOWN_FLAGS.values()) <= names


def test_the_handbook_explains_every_key_of_a_policy() -> None:
    handbook = Path("docs/policy.md").read_text()
    sections = [
        cls for cls in vars(schema).values() if isinstance(cls, type) and issubclass(cls, schema.Section)
    ]
    keys = {info.alias or name for cls in sections for name, info in cls.model_fields.items()}
    assert len(keys) > 70
    assert {key for key in keys if f"`{key}`" not in handbook} == set()
