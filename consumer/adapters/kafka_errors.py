"""librdkafka's errors in our words: what the caller has to do about each.

fenced          the group or a newer producer has gone on without us     `Fenced`
wrong setting   topic, rights, password                                  `ConfigurationError`
too large       a record that no retry makes smaller                     `Defect`
all others      broker away, timeout, rebalance                          `Retryable`
"""

from __future__ import annotations

from typing import Final

from confluent_kafka import KafkaError, KafkaException

from consumer.vocabulary.errors import ConfigurationError, Defect, Fenced, Retryable, UpswellError

_FENCED: Final = frozenset(
    {
        KafkaError._FENCED,
        KafkaError.PRODUCER_FENCED,
        KafkaError.INVALID_PRODUCER_EPOCH,
        KafkaError.FENCED_INSTANCE_ID,
        KafkaError.FENCED_MEMBER_EPOCH,
        KafkaError.STALE_MEMBER_EPOCH,
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.UNKNOWN_MEMBER_ID,
        # Told once, then never again: the client does nothing any more and has to be made anew. What it died of
        # it says only in its log; nearly always another client used its name, or the broker took it for one.
        KafkaError._FATAL,
    }
)
_WRONG_SETTING: Final = frozenset(
    {
        KafkaError._INVALID_ARG,
        KafkaError._UNKNOWN_TOPIC,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._AUTHENTICATION,
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
        KafkaError.UNSUPPORTED_VERSION,
        KafkaError._AUTO_OFFSET_RESET,
    }
)
_TOO_LARGE: Final = frozenset({KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE})


def is_fenced(error: KafkaError) -> bool:
    """Return whether somebody else has taken our place."""
    return error.code() in _FENCED


def kafka_error(exception: KafkaException) -> KafkaError:
    """Return the error that an exception of the client carries."""
    error = exception.args[0]
    assert isinstance(error, KafkaError)
    return error


def translated(error: KafkaError, doing: str) -> UpswellError:
    """Return our error for one of librdkafka's.

    Parameters
    ----------
    doing : what failed, as in "Kafka at broker:9092 cannot {doing}"
    """
    text = f"Kafka cannot {doing}: {error.str()}"
    if is_fenced(error):
        return Fenced(text)
    if error.code() in _WRONG_SETTING:
        return ConfigurationError(text)
    if error.code() in _TOO_LARGE:
        return Defect(text)
    return Retryable(text)
