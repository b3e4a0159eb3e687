"""Kafka and Redis as child processes, for the demo and the tests."""
