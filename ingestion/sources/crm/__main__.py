"""`python -m ingestion.sources.crm`: land this source alone."""

from ingestion.alone import run

run("ingestion.sources.crm")
