"""Parity: what the store and the decision log hold, against the same features from history."""
