"""The streaming service: events in, offers out; read top to bottom as the data flows."""
