"""`python -m ingestion.sources.orders`: land this source alone."""

from ingestion.alone import run

run("ingestion.sources.orders")
