"""When things happen: Dagster definitions and how a run is executed. Never *what* happens: every step is a plain
function of another room, or a dbt model, and runs without Dagster. What a run is (ledger, changes, lock) is in `runs/`.
"""
