"""Reading: somebody's CSV or Parquet, with a mapping file, into typed columns; nothing dropped silently."""
