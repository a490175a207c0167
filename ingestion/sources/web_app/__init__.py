"""Page views, clicks, log-ins and sessions of the web site and the app.

One gzip of JSON Lines per entity and day of delivery. All of it is declared in `contract.odcs.yaml`; a stock
connector reads it.

`web_app/<entity>/<day>.jsonl.gz`
-> `bronze/web_app/<entity>`, `quarantine/web_app/<entity>`
· `python -m ingestion.sources.web_app`
"""
