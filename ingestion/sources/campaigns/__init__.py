"""What marketing sent, and what came of it: sends, opens, clicks, unsubscribes, coupons, list outcomes.

One gzip of JSON Lines per entity and day of delivery. All of it is declared in `contract.odcs.yaml`; a stock
connector reads it.

`campaigns/<entity>/<day>.jsonl.gz`
-> `bronze/campaigns/<entity>`, `quarantine/campaigns/<entity>`
· `python -m ingestion.sources.campaigns`
"""
