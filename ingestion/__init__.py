"""From the outside world into bronze: sources, connectors, contracts, landing, quarantine.

Never imports dagster, dbt or feast: every source lands from a plain function call.
"""
