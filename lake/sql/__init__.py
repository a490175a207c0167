"""DuckDB as the compute engine of the lake: connections, text, rows, types, scratch tables and tokens."""
