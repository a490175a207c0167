"""The catalogue: every Delta table that the lake writes, declared once, and read by all who ask about tables.

`tables` has the names, `zones` the zones, `table` what a declaration says; `lookup` finds the declaration of a table
and validates what is about to be written. A table is declared in one of four places (ADR 29):

    contracts/catalogue/<zone>/<table>.yaml     tables that Python writes: the name is the file's path
    dbt_project/models/<zone>/*.yml             tables that dbt builds; their columns and tests stand together
    ingestion/sources/<source>/contract…yaml    bronze and quarantine, derived from the source's contract
    features.tables                             feature tables, derived from the features' declarations
"""
