"""Settings: default, file, variable, in this order; whatever is wrong is one sentence with its place."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from consumer.settings import HIDDEN, Settings, load_settings, shown, variable_of
from consumer.vocabulary.errors import ConfigurationError


def refusal(environment: dict[str, str]) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(environment)
    text = str(caught.value)
    assert "\n" not in text
    return text


def toml(directory: Path, text: str) -> str:
    path = directory / "upswell.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_without_anything_every_value_is_a_default() -> None:
    loaded = load_settings({"HOME": "/somewhere"})
    assert loaded.settings == Settings()
    assert set(loaded.sources.values()) == {"default"}


def test_a_variable_wins_over_the_file_and_the_file_over_the_default(tmp_path: Path) -> None:
    config = toml(tmp_path, 'group_id = "from-file"\ntopic_prefix = "bank1."\nmetrics_port = 9000\n')
    loaded = load_settings({"UPSWELL_CONFIG": config, "UPSWELL_GROUP_ID": "from-variable"})
    assert (loaded.settings.group_id, loaded.sources["group_id"]) == ("from-variable", "UPSWELL_GROUP_ID")
    assert (loaded.settings.topic_prefix, loaded.sources["topic_prefix"]) == ("bank1.", config)
    assert (loaded.settings.metrics_port, loaded.sources["delivery"]) == (9000, "default")


def test_an_empty_variable_counts_as_not_set() -> None:
    loaded = load_settings({"UPSWELL_SEEDS": "", "UPSWELL_CONFIG": ""})
    assert (loaded.settings.seeds, loaded.sources["seeds"]) == (None, "default")


def test_a_misspelt_variable_is_refused_with_a_suggestion() -> None:
    assert refusal({"UPSWELL_REDIS_URI": "redis://x"}) == (
        "UPSWELL_REDIS_URI is no setting; did you mean UPSWELL_REDIS_URL?"
    )


def test_a_variable_that_resembles_nothing_is_refused_too() -> None:
    assert refusal({"UPSWELL_COLOUR": "blue"}).startswith(
        "UPSWELL_COLOUR is no setting; `upswell config show`"
    )


def test_variables_of_tests_and_demo_are_none_of_the_settings() -> None:
    assert load_settings({"UPSWELL_TEST_SEED": "5"}).settings == Settings()


def test_a_misspelt_key_of_the_file_is_refused_with_a_suggestion(tmp_path: Path) -> None:
    config = toml(tmp_path, 'redis_ulr = "redis://x"')
    assert (
        refusal({"UPSWELL_CONFIG": config}) == f"{config}: redis_ulr is no setting; did you mean redis_url?"
    )


def test_a_file_that_is_not_there_or_not_toml_is_one_sentence(tmp_path: Path) -> None:
    missing = str(tmp_path / "none.toml")
    assert (
        refusal({"UPSWELL_CONFIG": missing})
        == f"UPSWELL_CONFIG: cannot read {missing}: No such file or directory"
    )
    assert "is not TOML: " in refusal({"UPSWELL_CONFIG": toml(tmp_path, "redis_url = ")})


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("UPSWELL_DELIVERY", "exactly_once", "input should be 'transactional' or 'at_least_once'"),
        ("UPSWELL_METRICS_PORT", "70000", "input should be less than or equal to 65535"),
        ("UPSWELL_METRICS_PORT", "http", "input should be a valid integer"),
        ("UPSWELL_KAFKA_BOOTSTRAP_SERVERS", "localhost", "not of the right form for this setting (brokers"),
        ("UPSWELL_REDIS_URL", "http://localhost", "not of the right form for this setting (customer state"),
        ("UPSWELL_TOPIC_PREFIX", "a b", "not of the right form"),
        ("UPSWELL_LOG_LEVEL", "loud", "input should be 'debug'"),
        ("UPSWELL_KAFKA_SECURITY_CA_FILE", "nowhere.pem", "path does not point to a file"),
    ],
)
def test_a_wrong_value_names_its_variable(variable: str, value: str, sentence: str) -> None:
    assert refusal({variable: value}).startswith(f"{variable}: {sentence}")


def test_a_wrong_value_in_the_file_names_file_and_key(tmp_path: Path) -> None:
    config = toml(tmp_path, "delivery = 5")
    assert refusal({"UPSWELL_CONFIG": config}).startswith(
        f"{config}: delivery: input should be 'transactional'"
    )


def test_a_login_needs_all_its_parts() -> None:
    sentence = refusal(
        {"UPSWELL_KAFKA_SECURITY_PROTOCOL": "sasl_ssl", "UPSWELL_KAFKA_SECURITY_USERNAME": "u"}
    )
    assert sentence.startswith("kafka_security_protocol sasl_ssl needs kafka_security_sasl_mechanism")


def test_certificate_and_key_belong_together(tmp_path: Path) -> None:
    certificate = tmp_path / "c.pem"
    certificate.touch()
    assert "belong together" in refusal({"UPSWELL_KAFKA_SECURITY_CERT_FILE": str(certificate)})


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://localhost:6379/0", "redis://localhost:6379/0"),
        ("rediss://user:s3cret@host:6380/1", f"rediss://user:{HIDDEN}@host:6380/1"),
        ("redis://:s3@cret@host/0", f"redis://:{HIDDEN}@host/0"),
        ("redis://:s3/cret@host/0", f"redis://:{HIDDEN}@host/0"),
        ("unix:///run/redis.sock?db=1&password=s3cret", f"unix:///run/redis.sock?db=1&password={HIDDEN}"),
        ("redis+cluster://u:s3cret@a:7000", f"redis+cluster://u:{HIDDEN}@a:7000"),
    ],
)
def test_passwords_in_urls_are_hidden(url: str, expected: str) -> None:
    assert shown(Settings(redis_url=url))["redis_url"] == expected


def test_no_secret_is_shown_printed_or_told_in_an_error() -> None:
    environment = {
        "UPSWELL_KAFKA_SECURITY_PASSWORD": "s3cret",
        "UPSWELL_KAFKA_SECURITY_KEY_PASSWORD": "s3cret",
        "UPSWELL_KAFKA_SECURITY_PROTOCOL": "sasl_plaintext",
    }
    assert "s3cret" not in refusal(environment)
    more = {"UPSWELL_KAFKA_SECURITY_SASL_MECHANISM": "PLAIN", "UPSWELL_KAFKA_SECURITY_USERNAME": "u"}
    settings = load_settings(environment | more).settings
    assert "s3cret" not in f"{settings!r} {shown(settings)} {settings.model_dump_json()}"
    assert settings.kafka_client()["sasl.password"] == "s3cret"


def test_the_client_is_told_where_the_brokers_are_and_how_to_get_in(tmp_path: Path) -> None:
    assert Settings().kafka_client()["bootstrap.servers"] == "localhost:9092"
    (tmp_path / "ca.pem").touch()
    (tmp_path / "client.pem").touch()
    environment = {
        "UPSWELL_KAFKA_SECURITY_PROTOCOL": "ssl",
        "UPSWELL_KAFKA_SECURITY_CA_FILE": str(tmp_path / "ca.pem"),
        "UPSWELL_KAFKA_SECURITY_CERT_FILE": str(tmp_path / "client.pem"),
        "UPSWELL_KAFKA_SECURITY_KEY_FILE": str(tmp_path / "client.pem"),
        "UPSWELL_KAFKA_SECURITY_KEY_PASSWORD": "s3cret",
    }
    client = load_settings(environment).settings.kafka_client()
    assert {name: value for name, value in client.items() if name.startswith(("ssl.", "security."))} == {
        "security.protocol": "SSL",
        "ssl.ca.location": str(tmp_path / "ca.pem"),
        "ssl.certificate.location": str(tmp_path / "client.pem"),
        "ssl.key.location": str(tmp_path / "client.pem"),
        "ssl.key.password": "s3cret",
    }


def test_state_is_kept_apart_by_the_topic_prefix_unless_a_namespace_is_given() -> None:
    assert Settings(topic_prefix="a.").state_namespace == "a."
    assert Settings(topic_prefix="a.", redis_namespace="").state_namespace == ""


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().group_id = "other"  # type: ignore[misc]


def test_every_setting_has_a_variable_and_a_description() -> None:
    assert variable_of("kafka_bootstrap_servers") == "UPSWELL_KAFKA_BOOTSTRAP_SERVERS"
    assert all(info.description for info in Settings.model_fields.values())
