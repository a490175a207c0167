"""`python -m ingestion.sources.campaigns`: land this source alone."""

from ingestion.alone import run

run("ingestion.sources.campaigns")
