"""Acceptance probability of every product, from River models compiled to one matrix."""
