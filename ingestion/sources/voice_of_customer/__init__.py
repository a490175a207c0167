"""Survey invitations and responses, social mentions, and the experience-officer panel.

A paged API; its own cursor is the lake's. All of it is declared in `contract.odcs.yaml`; a stock connector reads
it.

`GET /v1/<entity>`
-> `bronze/voice_of_customer/<entity>`, `quarantine/voice_of_customer/<entity>`
· `python -m ingestion.sources.voice_of_customer`
"""
