"""Calls, chats, e-mails and complaints, with transfers, supervisor requests, resolutions and goodwill.

Rows are read by `updated_at`; notes and transcripts are free text and stay in the restricted zone. All of it is
declared in `contract.odcs.yaml`; a stock connector reads it.

`contact_centre.db (SQLite; PostgreSQL with LAKE_SERVICES=1)`
-> `bronze/contact_centre/<entity>`, `quarantine/contact_centre/<entity>`
· `python -m ingestion.sources.contact_centre`
"""
