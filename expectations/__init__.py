"""Is the outside world still as agreed, and is what we publish right? Suites and their runner.

A check's home is its path: `suites/<zone>/<…>/<table>.yaml` checks the table of that name, `suites/<zone>/_each.yaml`
every table below it, and the suites of bronze are derived from the contracts. Knows the lake and the contracts, nothing
of landing, dbt, identity, Feast or Dagster. What breaks a row is decided at landing; relations of models are dbt tests.
"""
