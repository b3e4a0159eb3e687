"""A bank with a hidden truth: emits events, receives offers, answers with outcomes."""
