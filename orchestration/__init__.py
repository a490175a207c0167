"""When things happen: Dagster definitions, the run, its ledger. Never *what* happens: every step is a plain function
of another room, or a dbt model, and runs without Dagster.

`ledger`, `changes`, `summary` and `status` import neither dagster, dbt, Great Expectations nor Feast, so that an idle
`lake run` and `lake status` are quick; `definitions`, `defs/` and `execute` do.
"""
