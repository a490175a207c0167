"""Readings of wearables, vehicles and branch sensors, and who registered them.

Gateways drop a gzip of JSON Lines per day; with LAKE_SERVICES=1 the newest readings come live over MQTT as well.
All of it is declared in `contract.odcs.yaml`; a stock connector reads it.

`devices/<entity>/<day>.jsonl.gz, MQTT devices/<entity>/#`
-> `bronze/devices/<entity>`, `quarantine/devices/<entity>`
· `python -m ingestion.sources.devices`
"""
