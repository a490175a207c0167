"""Response times, errors and crashes of the app and its servers.

One Parquet file per entity and day of delivery. All of it is declared in `contract.odcs.yaml`; a stock connector
reads it.

`app_performance/<entity>/<day>.parquet`
-> `bronze/app_performance/<entity>`, `quarantine/app_performance/<entity>`
· `python -m ingestion.sources.app_performance`
"""
