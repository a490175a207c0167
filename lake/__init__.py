"""The lake itself: where the Delta tables are, the only code that writes them, and how DuckDB reads them.

Knows nothing of sources, identity, dbt, Dagster or Feast; every other room builds on this one.
"""
