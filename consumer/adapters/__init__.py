"""The only files of the service that touch the world: Kafka, Redis, codecs, telemetry."""
