"""Events folded into one record per customer; pure and columnar."""
