"""Backfill: records from history, written to the store with the position to continue from."""
