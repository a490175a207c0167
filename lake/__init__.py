"""Storage: Delta tables by name, the writer that commits to them, their maintenance, and DuckDB to read them.

No rule of a source, of identity or of a feature stands here. The other rooms write to Delta through `lake.writer`.
`layout/` holds the version of all tables and the steps from one to the next, `s3/` reaches a store, `sql/` holds what
every query needs: connections, quoting, rows, types, scratch tables, tokens.
"""
