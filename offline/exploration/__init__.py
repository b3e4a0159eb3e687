"""Exploration: what a table says before anything is modelled, as numbers, sentences and figures."""
