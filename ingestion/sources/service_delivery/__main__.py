"""`python -m ingestion.sources.service_delivery`: land this source alone."""

from ingestion.alone import run

run("ingestion.sources.service_delivery")
