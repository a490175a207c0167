"""From the outside world into bronze: sources with their contracts, connectors, landing, quarantine.

Never imports dagster, dbt or feast: every source lands from a plain function call.
"""
