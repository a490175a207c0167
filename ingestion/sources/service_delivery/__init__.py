"""Promised and actual times, cancellations, claims and their steps.

One CSV per entity and day of delivery; an empty field is null. All of it is declared in `contract.odcs.yaml`; a
stock connector reads it.

`service_delivery/<entity>/<day>.csv`
-> `bronze/service_delivery/<entity>`, `quarantine/service_delivery/<entity>`
· `python -m ingestion.sources.service_delivery`
"""
