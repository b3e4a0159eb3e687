"""Decisions and outcomes in SQL, with a hash chain that proves that nothing was altered."""
