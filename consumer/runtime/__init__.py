"""The loops of scorer and learner over ports, takeover and recovery."""
