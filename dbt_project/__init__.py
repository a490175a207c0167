"""The dbt project, and the little Python around it: how a call is made and how Delta is written.

`runner` calls dbt in this process; `delta_plugin` is what dbt-duckdb loads to read and write Delta; `sources`
derives the dbt sources from the contracts; `scaffold` writes the staging folder of a new source.
Nothing here says what a model holds: that is SQL, in `models/`.
"""
