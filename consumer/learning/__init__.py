"""Outcomes become labels, labels become examples, examples become weights."""
