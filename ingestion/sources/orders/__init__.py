"""Orders, their lines, payments and returns, and what each account holds.

Rows are read by `updated_at`; amounts are CNY. All of it is declared in `contract.odcs.yaml`; a stock connector
reads it.

`orders.db (SQLite; PostgreSQL with LAKE_SERVICES=1)`
-> `bronze/orders/<entity>`, `quarantine/orders/<entity>`
· `python -m ingestion.sources.orders`
"""
