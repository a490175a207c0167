"""Response times, errors and crashes of the app and its servers.

One Parquet file per entity and day of delivery, and live over Kafka where `lake stream` follows it. All of it is
declared in `contract.odcs.yaml`; stock connectors read it.

`app_performance/<entity>/<day>.parquet`, Kafka topic `app_performance.<entity>`
-> `bronze/app_performance/<entity>`, `quarantine/app_performance/<entity>`
· `python -m ingestion.sources.app_performance`
"""
