"""Every setting, in one frozen value: defaults, then one TOML file, then UPSWELL_... variables.

A setting has one name in both places: the key `redis_url` is the variable `UPSWELL_REDIS_URL`. The file is
the one that `UPSWELL_CONFIG` names; without it none is read. A variable or key that is no setting is
refused, because a misspelt one would silently leave the default in force.

Rules of this file: the environment is handed in; nothing is connected or opened but the TOML file; what
goes to a screen or a log comes from `shown`, which hides secrets.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, FilePath, SecretStr, ValidationError, model_validator
from pydantic.fields import FieldInfo

from consumer.adapters.failpoints import parse_failpoints
from consumer.adapters.kafka_config import ClientConfig, client_config
from consumer.vocabulary.errors import ConfigurationError

PREFIX: Final = "UPSWELL_"
CONFIG_VARIABLE: Final = "UPSWELL_CONFIG"
TOOL_PREFIXES: Final = ("UPSWELL_TEST_", "UPSWELL_DEMO_", "UPSWELL_BENCH_")
"""Variables of the tests, the demo and the benchmarks: none of the service's business."""

DEFAULT_POLICY: Final = Path(__file__).parents[1] / "deploy" / "policy" / "retail_bank.yaml"
HIDDEN: Final = "(hidden)"
SIMILAR_ENOUGH: Final = 0.8
"""For a suggestion: one or two letters wrong; below it the suggestion is a guess."""

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,200}$")]
Servers = Annotated[str, Field(pattern=r"^[^\s,:]+:[0-9]{1,5}(,[^\s,:]+:[0-9]{1,5})*$")]
RedisUrl = Annotated[str, Field(pattern=r"^(redis|rediss|unix|redis\+cluster|rediss\+cluster)://\S+$")]


class Settings(BaseModel):
    """What a process is told. The description of each field is its documentation."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    kafka_bootstrap_servers: Annotated[
        Servers, Field(description="brokers to ask first, host:port,host:port")
    ] = "localhost:9092"
    kafka_security_protocol: Annotated[
        Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"],
        Field(description="how to talk to the brokers: ssl is TLS, sasl_... logs in"),
    ] = "plaintext"
    kafka_security_sasl_mechanism: Annotated[
        Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None, Field(description="how to log in")
    ] = None
    kafka_security_username: Annotated[str | None, Field(description="name to log in with")] = None
    kafka_security_password: Annotated[SecretStr | None, Field(description="password to log in with")] = None
    kafka_security_ca_file: Annotated[
        FilePath | None, Field(description="PEM file of the authorities that sign the brokers' certificates")
    ] = None
    kafka_security_cert_file: Annotated[
        FilePath | None, Field(description="PEM file of this client's certificate")
    ] = None
    kafka_security_key_file: Annotated[
        FilePath | None, Field(description="PEM file of this client's key")
    ] = None
    kafka_security_key_password: Annotated[
        SecretStr | None, Field(description="password of the key file")
    ] = None
    redis_url: Annotated[
        RedisUrl,
        Field(
            description="customer state: redis://, rediss:// (TLS), unix://path or redis+cluster://host:port"
        ),
    ] = "redis://localhost:6379/0"
    redis_namespace: Annotated[
        Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{0,200}$")] | None,
        Field(
            description="put before all keys; the topic prefix when not set. Services that share a Redis need "
            "different ones"
        ),
    ] = None
    topic_prefix: Annotated[
        str, Field(pattern=r"^[A-Za-z0-9._-]{0,200}$", description="put before the names of all ten topics")
    ] = ""
    group_id: Annotated[
        Name, Field(description="consumer group of the scorers; the learner's adds -learner")
    ] = "upswell"
    instance_id: Annotated[
        Name | None,
        Field(description="fixed name of this process in its group, so that a restart moves no partitions"),
    ] = None
    session_seconds: Annotated[
        float,
        Field(
            ge=1,
            le=300,
            description="silence after which a process counts as dead: its partitions move, and half as long "
            "again after it began, a transaction that it left open is aborted",
        ),
    ] = 10.0
    delivery: Annotated[
        Literal["transactional", "at_least_once"],
        Field(
            description="at_least_once is for brokers without transactions: readers then drop repeats by id"
        ),
    ] = "transactional"
    policy: Annotated[Path, Field(description="file with products, offers and rules")] = DEFAULT_POLICY
    seeds: Annotated[
        Path | None,
        Field(description="bundle of first weights, scaler and segments; none: models start from rates"),
    ] = None
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Field(description="least level logged")
    ] = "info"
    metrics_port: Annotated[
        int, Field(ge=0, le=65_535, description="port of the Prometheus metrics and health pages; 0: none")
    ] = 0
    batch_records: Annotated[
        int,
        Field(ge=1, le=10_000, description="records a batch at most: more saves round trips, fewer latency"),
    ] = 5_000
    snapshot_examples: Annotated[
        int, Field(ge=1, description="examples after which the learner publishes its models, if not earlier")
    ] = 1_000
    snapshot_seconds: Annotated[
        float,
        Field(
            gt=0,
            le=3_600,
            description="seconds after the first new example that the learner publishes at the latest",
        ),
    ] = 1.0
    environment: Annotated[
        Literal["production", "test"],
        Field(description="what this process is for; in test it may be told to harm itself"),
    ] = "production"
    failpoint: Annotated[
        str | None,
        Field(
            description="steps at which the process kills or stops itself, such as before_write:3; "
            "needs environment test"
        ),
    ] = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        """Refuse what can only be seen over several settings."""
        needs_login = self.kafka_security_protocol.startswith("sasl")
        login = (
            self.kafka_security_sasl_mechanism,
            self.kafka_security_username,
            self.kafka_security_password,
        )
        if needs_login and None in login:
            raise ValueError(
                f"kafka_security_protocol {self.kafka_security_protocol} needs kafka_security_sasl_mechanism, "
                "kafka_security_username and kafka_security_password"
            )
        if (self.kafka_security_cert_file is None) != (self.kafka_security_key_file is None):
            raise ValueError("kafka_security_cert_file and kafka_security_key_file belong together")
        self._check_failpoint()
        return self

    def _check_failpoint(self) -> None:
        if self.failpoint is None:
            return
        if self.environment == "production":
            raise ValueError(
                "failpoint kills this process on purpose and is refused in production: leave it out, or set "
                "environment to test"
            )
        try:
            parse_failpoints(self.failpoint)
        except ConfigurationError as error:
            raise ValueError(str(error)) from error

    @property
    def state_namespace(self) -> str:
        """What is put before all keys in Redis."""
        return self.topic_prefix if self.redis_namespace is None else self.redis_namespace

    @property
    def learner_group_id(self) -> str:
        """Consumer group of the learner."""
        return f"{self.group_id}-learner"

    @property
    def kafka_security(self) -> dict[str, str]:
        """The security settings by the names of `adapters/kafka_config.py`; never logged, it holds secrets."""
        password, key_password = self.kafka_security_password, self.kafka_security_key_password
        wanted = {
            "protocol": self.kafka_security_protocol,
            "ca_file": self.kafka_security_ca_file,
            "certificate_file": self.kafka_security_cert_file,
            "key_file": self.kafka_security_key_file,
            "key_password": key_password.get_secret_value() if key_password else None,
            "sasl_mechanism": self.kafka_security_sasl_mechanism,
            "username": self.kafka_security_username,
            "password": password.get_secret_value() if password else None,
        }
        return {name: str(value) for name, value in wanted.items() if value is not None}

    def kafka_client(self) -> ClientConfig:
        """Return what every Kafka client of this process is told; never logged, it holds secrets."""
        return client_config(self.kafka_bootstrap_servers, security=self.kafka_security)


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """The settings, and where each value comes from: `default`, the file's name or the variable's."""

    settings: Settings
    sources: Mapping[str, str]


def load_settings(environment: Mapping[str, str]) -> LoadedSettings:
    """Return the settings that an environment, and the TOML file that it names, describe.

    Raises
    ------
    ConfigurationError : one sentence that names the variable or the key of the file
    """
    file_values, file_name = _from_file(environment.get(CONFIG_VARIABLE, ""))
    variables = _from_variables(environment)
    sources = dict.fromkeys(Settings.model_fields, "default")
    sources |= dict.fromkeys(file_values, file_name) | {key: variable_of(key) for key in variables}
    try:
        settings = Settings.model_validate(file_values | variables)
    except ValidationError as error:
        raise ConfigurationError(_sentence(error, sources)) from None
    return LoadedSettings(settings, sources)


def variable_of(key: str) -> str:
    """Return the environment variable of a setting.

    Examples
    --------
    >>> variable_of("redis_url")
    'UPSWELL_REDIS_URL'
    """
    return PREFIX + key.upper()


def shown(settings: Settings) -> dict[str, str | int | float | None]:
    """Return setting → value as it may be shown: secrets and passwords in URLs are hidden."""
    return {key: _shown(getattr(settings, key)) for key in Settings.model_fields}


def default_shown(info: FieldInfo) -> str:
    """Return a field's default for the documentation; the machine's own paths are shortened."""
    default = "deploy/policy/retail_bank.yaml" if info.default == DEFAULT_POLICY else info.default
    return "" if default is None else str(default)


def _shown(value: Any) -> str | int | float | None:
    if isinstance(value, SecretStr):
        return HIDDEN
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, str) and "://" in value:
        # Up to the last @, as a password may hold any character, even unescaped; too much is better hidden.
        without = re.sub(r"(://[^/:@]*:).*@", rf"\1{HIDDEN}@", value)
        return re.sub(r"(password=)[^&]*", rf"\1{HIDDEN}", without)
    return value  # type: ignore[no-any-return]


def _from_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Return setting → text of the variables that are set; an empty one counts as not set."""
    found = {}
    for name in sorted(environment):
        if not name.startswith(PREFIX) or name == CONFIG_VARIABLE or name.startswith(TOOL_PREFIXES):
            continue
        key = name.removeprefix(PREFIX).lower()
        if key not in Settings.model_fields:
            raise ConfigurationError(f"{name} is no setting{_suggestion(name)}")
        if environment[name]:
            found[key] = environment[name]
    return found


def _from_file(name: str) -> tuple[dict[str, Any], str]:
    if not name:
        return {}, ""
    try:
        values = tomllib.loads(Path(name).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{CONFIG_VARIABLE}: cannot read {name}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{name} is not TOML: {error}") from None
    for key in values:
        if key not in Settings.model_fields:
            hint = _suggestion(variable_of(key)).replace(PREFIX, "").lower()
            raise ConfigurationError(f"{name}: {key} is no setting{hint}")
    return values, name


def _suggestion(variable: str) -> str:
    close = get_close_matches(
        variable, [variable_of(key) for key in Settings.model_fields], 1, SIMILAR_ENOUGH
    )
    return f"; did you mean {close[0]}?" if close else "; `upswell config show` lists them all"


def _sentence(error: ValidationError, sources: Mapping[str, str]) -> str:
    """Return the first fault with where it is written, without the value: it may be a secret."""
    first = error.errors(include_url=False)[0]
    message = first["msg"].removeprefix("Value error, ")
    if not first["loc"]:
        return message
    key = str(first["loc"][0])
    if first["type"] == "string_pattern_mismatch":
        message = f"not of the right form for this setting ({Settings.model_fields[key].description})"
    source = sources[key]
    place = source if source.startswith(PREFIX) else f"{source}: {key}"
    return f"{place}: {message[:1].lower()}{message[1:]}"
