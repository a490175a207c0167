"""Customer master of the sales organisation: customers, consents, households.

Rows are read by `updated_at`; one that changes comes again as a new version. All of it is declared in
`contract.odcs.yaml`; a stock connector reads it.

`crm.db (SQLite; PostgreSQL with LAKE_SERVICES=1)`
-> `bronze/crm/<entity>`, `quarantine/crm/<entity>`
· `python -m ingestion.sources.crm`
"""
