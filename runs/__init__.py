"""What a run is, without Dagster: its ledger, what changed, its lock, status, summary and maintenance."""
