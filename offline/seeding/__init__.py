"""Seeding: from the bank's past to the bundle that the online models start from, and to traits."""
