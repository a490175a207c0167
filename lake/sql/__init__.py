"""DuckDB as the compute engine of the lake: connections and tokens."""
