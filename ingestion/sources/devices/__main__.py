"""`python -m ingestion.sources.devices`: land this source alone."""

from ingestion.alone import run

run("ingestion.sources.devices")
