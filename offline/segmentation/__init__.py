"""Segments of customers from a table: how many, which ones, how sure, and what to do with them."""
