"""What Kafka clients are told, and which settings are refused."""

from __future__ import annotations

import pytest

from consumer.adapters.kafka_config import client_config, consumer_config, producer_config
from consumer.vocabulary.errors import ConfigurationError

LOGIN = {"sasl_mechanism": "SCRAM-SHA-512", "username": "upswell", "password": "secret"}


def test_without_security_nothing_is_said_about_it() -> None:
    assert not [key for key in client_config("b:9092") if key.startswith(("security", "ssl", "sasl"))]


def test_tls_and_login_are_passed_on_under_the_names_of_the_library() -> None:
    files = {"ca_file": "ca.pem", "certificate_file": "me.pem", "key_file": "me.key", "key_password": "k"}
    config = client_config("b:9092", security={"protocol": "sasl_ssl", **LOGIN, **files})
    assert config["security.protocol"] == "SASL_SSL"
    assert config["ssl.ca.location"] == "ca.pem"
    assert config["ssl.certificate.location"] == "me.pem"
    assert config["ssl.key.location"] == "me.key"
    assert config["ssl.key.password"] == "k"
    assert config["sasl.mechanism"] == "SCRAM-SHA-512"
    assert (config["sasl.username"], config["sasl.password"]) == ("upswell", "secret")


@pytest.mark.parametrize(
    ("security", "told"),
    [
        ({"protcol": "SSL"}, "Unknown Kafka security setting protcol"),
        ({"protocol": "TLS"}, "protocol TLS is none of"),
        ({"protocol": "SASL_SSL", "username": "u"}, "needs sasl_mechanism, username and password"),
        ({"protocol": "SSL", "password": "p"}, "setting password needs protocol SASL_SSL"),
        ({"protocol": "SASL_SSL", **LOGIN, "sasl_mechanism": "GSSAPI"}, "mechanism GSSAPI is none of"),
    ],
)
def test_security_that_does_not_fit_is_refused_in_a_sentence(security: dict[str, str], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        client_config("b:9092", security=security)


def test_no_refusal_shows_a_password() -> None:
    with pytest.raises(ConfigurationError) as refused:
        client_config("b:9092", security={"protocol": "SSL", **LOGIN})
    assert "secret" not in str(refused.value)


def test_no_brokers_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="at least one host:port"):
        client_config("  ")


def test_what_the_delivery_promise_rests_on_is_set() -> None:
    client = client_config("b:9092")
    consumer = consumer_config(client, group_id="g", instance_id="s-1")
    assert consumer["isolation.level"] == "read_committed"
    assert consumer["enable.auto.commit"] is False
    assert consumer["auto.offset.reset"] == "error"
    assert consumer["partition.assignment.strategy"] == "range"
    assert consumer["group.instance.id"] == "s-1"
    producer = producer_config(client, transactional_id="t")
    assert (producer["acks"], producer["enable.idempotence"]) == ("all", True)
    assert producer["partitioner"] == "murmur2_random"
    assert "transactional.id" not in producer_config(client, transactional_id=None)
