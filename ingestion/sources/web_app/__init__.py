"""Page views, clicks, log-ins and sessions of the web site and the app.

One gzip of JSON Lines per entity and day of delivery, and live over Kafka where `lake stream` follows it. All of it is
declared in `contract.odcs.yaml`; stock connectors read it.

`web_app/<entity>/<day>.jsonl.gz`, Kafka topic `web_app.<entity>`
-> `bronze/web_app/<entity>`, `quarantine/web_app/<entity>`
· `python -m ingestion.sources.web_app`
"""
