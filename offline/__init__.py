"""The laboratory: history in, segments, traits and first weights out."""
