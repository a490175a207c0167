"""Records to people, without the lake's tables, its clock or a state; `engine` gives the DuckDB for it."""
